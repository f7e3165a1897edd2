import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { type ErrorCode, OrangeryError } from "../../errors.ts";
import type { CheckpointModelOptions } from "./checkpoint-model.ts";

/** The order to the thread. */
export interface CheckpointRequest {
  readonly path: string;
  readonly options: CheckpointModelOptions;
}

export interface BuiltModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** A text is an extent that is free. */
  readonly inputShape: readonly (number | string)[];
}

export type CheckpointAnswer =
  | BuiltModel
  | {
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly details: OrangeryError["details"];
      };
    };

/**
 * Builds the ONNX model of a checkpoint, in a thread of its own: half a second of work for YOLO11m,
 * in which this thread's event loop would stand still, and which no signal could end.
 *
 * @throws what `readYoloCheckpoint` and `createYoloModel` throw
 */
export async function checkpointToOnnx(
  path: string,
  { signal, ...options }: CheckpointModelOptions & { readonly signal?: AbortSignal | undefined },
): Promise<BuiltModel> {
  signal?.throwIfAborted();
  // The thread's file is TypeScript where this one is.
  const entry = new URL(`./checkpoint-thread${extname(import.meta.url)}`, import.meta.url);
  const request: CheckpointRequest = { path, options };
  const thread = new Worker(entry, { workerData: request });
  try {
    const [answer] = (await once(thread, "message", { signal })) as [CheckpointAnswer];
    if ("bytes" in answer) return answer;
    const { code, message, details } = answer.error;
    throw new OrangeryError(code, message, { details });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    await thread.terminate();
  }
}
