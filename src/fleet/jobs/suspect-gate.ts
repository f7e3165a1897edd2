import { untilAborted } from "../../base/abort.ts";

export interface EnterOptions {
  /** Whether no other job may be inside. */
  readonly alone: boolean;
  readonly signal: AbortSignal;
}

/**
 * Admits jobs in the order of requests: any number together, but a suspect, during which a process
 * has died before, alone, so that the next death is blamed on the right job.
 */
export class SuspectGate {
  #inside = 0;
  #isAlone = false;
  readonly #queue: { readonly alone: boolean; readonly letIn: () => void }[] = [];

  /** Waits for a place, to be disposed when the job has ended. */
  async enter({ alone, signal }: EnterOptions): Promise<Disposable> {
    const entered = Promise.withResolvers<void>();
    const waiting = { alone, letIn: entered.resolve };
    this.#queue.push(waiting);
    this.#admit();
    try {
      await untilAborted(entered.promise, signal);
    } catch (error) {
      const place = this.#queue.indexOf(waiting);
      if (place === -1) this.#leave();
      else this.#queue.splice(place, 1);
      this.#admit();
      throw error;
    }
    return { [Symbol.dispose]: () => this.#leave() };
  }

  #admit(): void {
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || this.#isAlone || (next.alone && this.#inside > 0)) return;
      this.#queue.shift();
      this.#inside++;
      this.#isAlone = next.alone;
      next.letIn();
    }
  }

  #leave(): void {
    this.#inside--;
    this.#isAlone = false;
    this.#admit();
  }
}
