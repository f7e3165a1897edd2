import { Worker } from "node:worker_threads";
import { programModule } from "../files/program-file.ts";
import { nextMessage } from "./next-message.ts";

/**
 * Starts a thread for one piece of work, and returns its answer: its first message. The thread is
 * then ended, which frees its memory.
 *
 * @param module its path in `src/` without the extension
 * @param request its `workerData`
 * @throws the signal's reason, or an error if the thread ends without an answer
 */
export async function askThread(
  module: string,
  request: unknown,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<unknown> {
  signal?.throwIfAborted();
  const thread = new Worker(programModule(module), { workerData: request });
  try {
    return await nextMessage(thread, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    await thread.terminate();
  }
}
