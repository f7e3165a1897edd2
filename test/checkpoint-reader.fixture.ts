/**
 * Reads the checkpoints whose paths come on standard input, one a line, makes of each what `info`
 * and `export` make of it, and answers with a line of JSON. It is started without the right to
 * write any file, to start any process or thread, and to load native code.
 */
import { createInterface } from "node:readline";
import { readYoloCheckpoint } from "../src/checkpoint/yolo/yolo-checkpoint.ts";
import { isOrangeryError } from "../src/errors.ts";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { complexityOf } from "../src/graph/yolo/complexity.ts";
import { toOnnxModel } from "../src/models/files/checkpoint-model.ts";

export interface Answer extends Outcome {
  /** What the process has computed for it, on all threads. */
  readonly cpuMs: number;
  /** The most that the process has taken so far. */
  readonly maxRssBytes: number;
}

interface Outcome {
  /** "loaded", the error's code, or what else was thrown. */
  readonly outcome: string;
  readonly message: string;
}

async function answer(path: string): Promise<Answer> {
  const before = process.cpuUsage();
  const outcome = await use(path);
  const { user, system } = process.cpuUsage(before);
  const maxRssBytes = 1024 * process.resourceUsage().maxRSS;
  return { ...outcome, cpuMs: (user + system) / 1000, maxRssBytes };
}

async function use(path: string): Promise<Outcome> {
  try {
    const checkpoint = await readYoloCheckpoint(path);
    complexityOf(checkpoint.network, checkpoint.imageSizeHw);
    serializeModel(toOnnxModel(checkpoint, { imageSize: "dynamic", batch: "dynamic" }));
    serializeModel(toOnnxModel(checkpoint, { half: true }));
    return { outcome: "loaded", message: checkpoint.task };
  } catch (error) {
    if (isOrangeryError(error)) return { outcome: error.code, message: error.message };
    return { outcome: "not an OrangeryError", message: String((error as Error).stack) };
  }
}

for await (const path of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(path))}\n`);
}
