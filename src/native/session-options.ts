import { environment } from "./environment.ts";
import { appendExecutionProvider, type ExecutionProvider } from "./execution-provider.ts";
import type { Address, Out } from "./function-table.ts";
import { NativeObject } from "./native-object.ts";

/** How much ONNX Runtime rewrites the graph while it loads (`GraphOptimizationLevel`). */
const optimizationLevels = { none: 0, basic: 1, extended: 2, all: 99 } as const;

const LOG_FATAL = 4;

export interface SessionOptions {
  /** Default: the CPU. */
  readonly provider?: ExecutionProvider;
  /** Default `all`. */
  readonly graphOptimization?: keyof typeof optimizationLevels;
  /** Threads that share one operator. Default 0: as many as there are physical cores. */
  readonly intraOpThreads?: number;
  /** Whether CPU allocations go through an arena that keeps memory for the next run. Default true. */
  readonly memoryArena?: boolean;
  /** Writes the optimised graph to this file; a name ending in `.ort` chooses that format. */
  readonly saveOptimizedTo?: string;
  /** Session configuration entries, as onnxruntime_session_options_config_keys.h names them. */
  readonly config?: Readonly<Record<string, string>>;
}

/** Builds the native session options. The caller disposes them after the session is created. */
export async function createSessionOptions({
  provider = { name: "cpu" },
  graphOptimization = "all",
  intraOpThreads = 0,
  memoryArena = true,
  saveOptimizedTo,
  config = {},
}: SessionOptions): Promise<NativeObject> {
  const { api } = environment();
  const created: Out<Address | null> = [null];
  api.CreateSessionOptions(created);
  const options = new NativeObject("session options", created[0]!, api.ReleaseSessionOptions);
  try {
    const { address } = options;
    api.DisableProfiling(address);
    // The library's warnings go to stderr, past any logger; what matters comes back as a status.
    api.SetSessionLogSeverityLevel(address, LOG_FATAL);
    api.SetSessionGraphOptimizationLevel(address, optimizationLevels[graphOptimization]);
    api.SetIntraOpNumThreads(address, intraOpThreads);
    if (!memoryArena) api.DisableCpuMemArena(address);
    if (saveOptimizedTo !== undefined) api.SetOptimizedModelFilePath(address, saveOptimizedTo);
    for (const [key, value] of Object.entries(config)) {
      api.AddSessionConfigEntry(address, key, value);
    }
    await appendExecutionProvider(address, provider);
    return options;
  } catch (error) {
    options[Symbol.dispose]();
    throw error;
  }
}
