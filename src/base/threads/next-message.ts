import { once } from "node:events";
import type { Worker } from "node:worker_threads";

/**
 * Returns the next message of a thread. Without the look at its end, a thread that ends without an
 * answer, as `process.exit` in a library does, would be waited for for ever.
 */
export async function nextMessage(
  thread: Worker,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): Promise<unknown> {
  const answered = new AbortController();
  const until = {
    signal: signal === undefined ? answered.signal : AbortSignal.any([signal, answered.signal]),
  };
  try {
    // The messages of a thread arrive before the news of its end.
    const ended = once(thread, "exit", until).then(([status]) => {
      throw new Error(`Expected a message of a thread, but it ended with ${status}.`);
    });
    const [message] = await Promise.race([once(thread, "message", until), ended]);
    return message;
  } finally {
    answered.abort();
  }
}
