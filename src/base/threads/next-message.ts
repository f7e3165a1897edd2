import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { anySignal } from "../abort.ts";

/**
 * Returns the next message of a thread. It also watches for the thread's end: without that, it
 * would wait for ever for a thread that ends without an answer, as by `process.exit` in a library.
 */
export async function nextMessage(
  thread: Worker,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<unknown> {
  const answered = new AbortController();
  const until = { signal: anySignal(signal, answered.signal) };
  try {
    // A thread's messages arrive before its `exit` event.
    const ended = once(thread, "exit", until).then(([status]) => {
      throw new Error(`Expected a message of a thread, but it ended with ${status}.`);
    });
    const [message] = await Promise.race([once(thread, "message", until), ended]);
    return message;
  } finally {
    answered.abort();
  }
}
