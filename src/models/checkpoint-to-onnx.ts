import { once } from "node:events";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { type ErrorCode, OrangeryError } from "../errors.ts";

export type CheckpointAnswer =
  | { readonly bytes: Uint8Array<ArrayBuffer> }
  | {
      readonly error: {
        readonly code: ErrorCode;
        readonly message: string;
        readonly details: OrangeryError["details"];
      };
    };

/**
 * The ONNX model of a checkpoint, for any batch, height and width, as bytes. It is built in a thread
 * of its own: half a second of work for YOLO11m, in which this thread's event loop would stand still.
 *
 * @throws OrangeryError what `readYoloCheckpoint` throws
 */
export async function checkpointToOnnx(
  path: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  signal?.throwIfAborted();
  // The thread's file is TypeScript where this one is.
  const entry = new URL(`./checkpoint-thread${extname(import.meta.url)}`, import.meta.url);
  const thread = new Worker(entry, { workerData: path });
  try {
    const [answer] = (await once(thread, "message", { signal })) as [CheckpointAnswer];
    if ("bytes" in answer) return answer.bytes;
    const { code, message, details } = answer.error;
    throw new OrangeryError(code, message, { details });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    await thread.terminate();
  }
}
