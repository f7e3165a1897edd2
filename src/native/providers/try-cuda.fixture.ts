/*
 * Makes a session on CUDA in a process of its own, whose runtime may be another, and prints the
 * error that it fails with.
 */
import { fileURLToPath } from "node:url";
import { isOrangeryError } from "../../errors.ts";
import { onnxRuntime } from "../onnx-runtime.ts";

const model = fileURLToPath(new URL("../../models/samples/beds.onnx", import.meta.url));
try {
  await using _ = await onnxRuntime.createSession(model, { provider: { name: "cuda" } });
  print("none", "a session was made");
} catch (error) {
  const code = isOrangeryError(error) ? error.code : "none";
  print(code, (error as Error).message);
}

function print(code: string, message: string): void {
  process.stdout.write(JSON.stringify({ code, message }));
}
