import { OrangeryError } from "../../errors.ts";
import { environment } from "../library/environment.ts";
import type { Address, FunctionTable, Out } from "../library/function-table.ts";
import { NativeObject } from "../library/native-object.ts";
import { explainBridgeFailure, prepareBridge } from "../providers/cuda-provider.ts";
import {
  findPluginDevice,
  pluginDevices,
  pluginLibraries,
  registerPlugins,
} from "../providers/plugins.ts";
import type { ExecutionProvider, PluginDeviceName } from "../runtime.ts";

/** The names under which the generic C function knows these providers. */
const genericNames = { webgpu: "WebGPU", coreml: "CoreML", directml: "DML" } as const;

/**
 * Adds a provider to session options; the CPU needs no adding. Off the event loop, since a GPU
 * provider loads hundreds of megabytes of libraries and opens the device here.
 */
export async function appendExecutionProvider(
  options: Address,
  { name, plugin, options: providerOptions = {} }: ExecutionProvider,
): Promise<void> {
  const { api } = environment();
  const keys = Object.keys(providerOptions);
  const values = Object.values(providerOptions);
  if (name === "cuda" && (await hasCudaPlugin())) {
    const index = Number(providerOptions.device_id ?? 0);
    // The names of the bridge's options are its own.
    await appendPluginDevice(options, { provider: name, index }, {});
    return;
  }
  switch (name) {
    case "cpu":
      return;
    case "cuda":
    case "tensorrt": {
      await prepareBridge(name);
      const { create, release, update, append } = nvidiaFunctions(api)[name];
      const created: Out<Address | null> = [null];
      create(created);
      using native = new NativeObject("provider options", created[0]!, release);
      try {
        await update(native.address, keys, values, keys.length);
        await append(options, native.address);
      } catch (error) {
        throw explainBridgeFailure(name, error);
      }
      return;
    }
    case "plugin": {
      await appendPluginDevice(options, plugin!, providerOptions);
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
        "Expected an execution provider of cpu, cuda, tensorrt, webgpu, coreml, directml " +
          "or plugin, " +
          `got \`${name satisfies never}\`.`,
      );
  }
}

/** Whether a plugin takes the place of the provider that lies beside the runtime. */
async function hasCudaPlugin(): Promise<boolean> {
  if (pluginLibraries().length === 0) return false;
  await registerPlugins();
  return pluginDevices().some(({ provider }) => provider === "cuda");
}

async function appendPluginDevice(
  options: Address,
  plugin: PluginDeviceName,
  providerOptions: Readonly<Record<string, string>>,
): Promise<void> {
  const { api, env } = environment();
  const { address } = await findPluginDevice(plugin);
  const keys = Object.keys(providerOptions);
  await api.async.SessionOptionsAppendExecutionProvider_V2(
    options,
    env,
    [address],
    1,
    keys,
    Object.values(providerOptions),
    keys.length,
  );
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
