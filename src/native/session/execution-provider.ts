import { OrangeryError } from "../../errors.ts";
import { environment } from "../library/environment.ts";
import type { Address, FunctionTable, Out } from "../library/function-table.ts";
import { NativeObject } from "../library/native-object.ts";
import type { ExecutionProvider } from "../runtime.ts";

/** The names under which the generic C function knows these providers. */
const genericNames = { webgpu: "WebGPU", coreml: "CoreML", directml: "DML" } as const;

/**
 * Adds a provider to session options; the CPU needs no adding. Off the event loop, since a GPU
 * provider loads hundreds of megabytes of libraries and opens the device here.
 */
export async function appendExecutionProvider(
  options: Address,
  { name, options: providerOptions = {} }: ExecutionProvider,
): Promise<void> {
  const { api } = environment();
  const keys = Object.keys(providerOptions);
  const values = Object.values(providerOptions);
  switch (name) {
    case "cpu":
      return;
    case "cuda":
    case "tensorrt": {
      const { create, release, update, append } = nvidiaFunctions(api)[name];
      const created: Out<Address | null> = [null];
      create(created);
      using native = new NativeObject("provider options", created[0]!, release);
      await update(native.address, keys, values, keys.length);
      await append(options, native.address);
      return;
    }
    case "webgpu":
    case "coreml":
    case "directml":
      await api.async.SessionOptionsAppendExecutionProvider(
        options,
        genericNames[name],
        keys,
        values,
        keys.length,
      );
      return;
    default:
      throw new OrangeryError(
        "DEVICE_UNKNOWN",
        "Expected an execution provider of cpu, cuda, tensorrt, webgpu, coreml or directml, " +
          `got \`${name satisfies never}\`.`,
      );
  }
}

/** These two keep their options in objects of their own. */
function nvidiaFunctions(api: FunctionTable) {
  return {
    cuda: {
      create: api.CreateCUDAProviderOptions,
      release: api.ReleaseCUDAProviderOptions,
      update: api.async.UpdateCUDAProviderOptions,
      append: api.async.SessionOptionsAppendExecutionProvider_CUDA_V2,
    },
    tensorrt: {
      create: api.CreateTensorRTProviderOptions,
      release: api.ReleaseTensorRTProviderOptions,
      update: api.async.UpdateTensorRTProviderOptions,
      append: api.async.SessionOptionsAppendExecutionProvider_TensorRT_V2,
    },
  };
}
