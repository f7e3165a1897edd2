import { isOrangeryError } from "../../errors.ts";

/**
 * Messages of ONNX Runtime and the libraries below it when memory runs out: its arenas on the CPU
 * and on a GPU (`Failed to allocate memory for requested buffer of size …`, `Available memory of …
 * is smaller than requested bytes of …`), C++ (`std::bad_alloc`), CUDA (`out of memory`), cuBLAS
 * and cuDNN (`CUBLAS_STATUS_ALLOC_FAILED`, …), DirectML (`E_OUTOFMEMORY`, or its number).
 */
const messages =
  /out of memory|out_?of_?memory|failed to allocate memory|smaller than requested bytes|bad[_ ]alloc|alloc_failed|8007000E/i;

/** Whether a call into the runtime failed because memory ran out: asking for less may help. */
export function isOutOfMemory(error: unknown): boolean {
  return isOrangeryError(error, "ORT_FAILED") && messages.test(error.message);
}
