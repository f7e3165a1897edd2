/**
 * The thread that `checkpointToOnnx` starts: it reads one checkpoint, answers with the bytes of its
 * ONNX model, and ends; the memory that it took goes with it.
 */
import { parentPort, workerData } from "node:worker_threads";
import { isOrangeryError } from "../../errors.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { buildCheckpointModel } from "./checkpoint-model.ts";
import type { CheckpointAnswer, CheckpointRequest } from "./checkpoint-to-onnx.ts";

const answer = (value: CheckpointAnswer, transfer: ArrayBuffer[] = []) =>
  parentPort!.postMessage(value, transfer);
try {
  const { path, options } = workerData as CheckpointRequest;
  const model = await buildCheckpointModel(path, options);
  const bytes = serializeModel(model);
  answer({ bytes, inputShape: model.graph.inputs[0]!.dims }, [bytes.buffer]);
} catch (error) {
  if (!isOrangeryError(error)) throw error;
  const { code, message, details } = error;
  answer({ error: { code, message, details } });
}
