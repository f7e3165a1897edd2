import type { ProgressDisplay } from "../../output/progress-display.ts";

/** Tells of a Redis that is away, once for each kind of trouble: it comes again with every attempt. */
export function printQueueTrouble(progress: ProgressDisplay): (error: Error) => void {
  let last: string | undefined;
  return ({ message }) => {
    if (message === last) return;
    last = message;
    progress.note(`The queue cannot be reached (${message}); waiting for Redis.`);
  };
}
