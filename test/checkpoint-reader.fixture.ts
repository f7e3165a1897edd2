/**
 * Reads the checkpoints whose paths come on standard input, one a line, and answers each with a
 * line of JSON; at the end, how much memory it took. It is started without the right to write any
 * file, to start any process or thread, and to load native code.
 */
import { createInterface } from "node:readline";
import { readYoloCheckpoint } from "../src/checkpoint/yolo-checkpoint.ts";
import { isOrangeryError } from "../src/errors.ts";

export interface Answer {
  /** "loaded", the error's code, or what else was thrown. */
  readonly outcome: string;
  readonly message: string;
}

async function answer(path: string): Promise<Answer> {
  try {
    const { task } = await readYoloCheckpoint(path);
    return { outcome: "loaded", message: task };
  } catch (error) {
    if (isOrangeryError(error)) return { outcome: error.code, message: error.message };
    return { outcome: "not an OrangeryError", message: String((error as Error).stack) };
  }
}

for await (const path of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(path))}\n`);
}
process.stdout.write(`${JSON.stringify({ maxRssBytes: process.resourceUsage().maxRSS * 1024 })}\n`);
