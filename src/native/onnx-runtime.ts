import { environment } from "./environment.ts";
import type { Runtime } from "./runtime.ts";
import { createSession } from "./session.ts";
import { openSharedSession } from "./shared-session.ts";
import { createTensor } from "./tensor.ts";

/** ONNX Runtime through its C API. The library is opened on first use. */
export const onnxRuntime: Runtime = {
  name: "onnxruntime",
  get version() {
    return environment().library.version;
  },
  createTensor,
  createSession,
  openSharedSession,
};
