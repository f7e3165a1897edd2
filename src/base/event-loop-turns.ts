import { setImmediate } from "node:timers/promises";

/** The longest that work may block this thread without a pause, ms. */
const turnMs = 4;

/** Yields to the event loop during long work. */
export class EventLoopTurns {
  #startedAtMs = performance.now();

  /** Call between two steps: pauses if the work has run for long enough. */
  async give(): Promise<void> {
    if (performance.now() - this.#startedAtMs < turnMs) return;
    await setImmediate();
    this.#startedAtMs = performance.now();
  }
}
