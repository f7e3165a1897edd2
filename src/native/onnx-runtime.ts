import { kernelLibrary } from "./kernels/kernel-library.ts";
import { environment } from "./library/environment.ts";
import type { Runtime } from "./runtime.ts";
import { createTensor } from "./session/native-tensor.ts";
import { createSession } from "./session/session.ts";
import { openSharedSession } from "./session/shared-session.ts";

/** ONNX Runtime through its C API. The library is opened on first use. */
export const onnxRuntime: Runtime = {
  name: "onnxruntime",
  get version() {
    return environment().library.version;
  },
  get kernels() {
    return kernelLibrary();
  },
  createTensor,
  createSession,
  openSharedSession,
};
