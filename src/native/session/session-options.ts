import { availableParallelism } from "node:os";
import { kernelLibrary } from "../kernels/kernel-library.ts";
import { environment, logFatal } from "../library/environment.ts";
import type { Address, Out } from "../library/function-table.ts";
import { NativeObject } from "../library/native-object.ts";
import type { SessionOptions } from "../runtime.ts";
import { appendExecutionProvider } from "./execution-provider.ts";
import { shareArena } from "./shared-arena.ts";

/** `GraphOptimizationLevel` of onnxruntime_c_api.h. */
const disableAll = 0;

/**
 * Weights stay in the file. Convolutions in int8 pack a copy of theirs, 19 MB for YOLO11m, and run
 * 1.28 times as fast with it; those in float32 pack none (1.30).
 */
const mappedConfig = {
  "session.load_model_format": "ORT",
  "session.use_ort_model_bytes_directly": "1",
  "session.use_memory_mapped_ort_model": "1",
  "session.use_ort_model_bytes_for_initializers": "1",
};

/** Builds the native session options. The caller disposes them after the session is created. */
export async function createSessionOptions({
  provider = { name: "cpu" },
  intraOpThreads = 0,
  allowSpinning = false,
  saveOptimizedTo,
  mapped = false,
  unoptimized = false,
  kernels = false,
  config = {},
  freeDimensions = {},
}: SessionOptions): Promise<NativeObject> {
  const { api } = environment();
  await shareArena();
  const created: Out<Address | null> = [null];
  api.CreateSessionOptions(created);
  const options = new NativeObject("session options", created[0]!, api.ReleaseSessionOptions);
  try {
    const { address } = options;
    api.DisableProfiling(address);
    // Kept for each size of input, a plan of where a run's tensors lie takes more than it saves:
    // 461 → 430 MB without, in the same time (YOLO11m).
    api.DisableMemPattern(address);
    // The library's warnings go to stderr, past any logger; what matters comes back as a status.
    api.SetSessionLogSeverityLevel(address, logFatal);
    api.SetIntraOpNumThreads(address, intraOpThreads);
    if (mapped || unoptimized) api.SetSessionGraphOptimizationLevel(address, disableAll);
    if (saveOptimizedTo !== undefined) api.SetOptimizedModelFilePath(address, saveOptimizedTo);
    const library = kernels ? kernelLibrary() : undefined;
    if (library !== undefined) {
      // It reads them from the options it is given: `read_threads` of `kernels.c`.
      const threads = intraOpThreads || availableParallelism();
      api.AddSessionConfigEntry(address, "orangery.threads", `${threads}`);
      api.RegisterCustomOpsLibrary_V2(address, library.file);
    }
    const entries = {
      "session.intra_op.allow_spinning": allowSpinning ? "1" : "0",
      // Threads that spin do so between the operators of a run, not between runs.
      "session.force_spinning_stop": "1",
      "session.use_env_allocators": "1",
      ...(saveOptimizedTo !== undefined && {
        "session.save_model_format": saveOptimizedTo.endsWith(".onnx") ? "ONNX" : "ORT",
      }),
      ...(mapped && mappedConfig),
      ...config,
    };
    for (const [key, value] of Object.entries(entries)) {
      api.AddSessionConfigEntry(address, key, value);
    }
    for (const [name, extent] of Object.entries(freeDimensions)) {
      api.AddFreeDimensionOverrideByName(address, name, extent);
    }
    await appendExecutionProvider(address, provider);
    return options;
  } catch (error) {
    options[Symbol.dispose]();
    throw error;
  }
}
