import { once } from "node:events";
import type { Worker } from "node:worker_threads";

/** The next message of a thread; an error when the thread ends without one. */
export async function nextMessage(thread: Worker): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  try {
    // What a thread has sent arrives before the news of its end.
    const ended = once(thread, "exit", { signal }).then(([status]) => {
      throw new Error(`The thread ended with ${status}, without a message.`);
    });
    const [message] = await Promise.race([once(thread, "message", { signal }), ended]);
    return message;
  } finally {
    waiting.abort();
  }
}
