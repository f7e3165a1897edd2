import { setImmediate } from "node:timers/promises";

/** Longer than this in one go, work in this thread holds up what else it has to do. */
const turnMs = 4;

/** Lets the event loop have its turn in the middle of long work. */
export class EventLoopTurns {
  #startedAtMs = performance.now();

  /** Call between two steps: pauses when the work has gone on for long enough. */
  async give(): Promise<void> {
    if (performance.now() - this.#startedAtMs < turnMs) return;
    await setImmediate();
    this.#startedAtMs = performance.now();
  }
}
