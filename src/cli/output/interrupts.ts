import { signalExitStatus } from "./exit-status.ts";

type InterruptSignal = keyof typeof signalExitStatus;

/**
 * One Ctrl-C can arrive twice: the terminal sends it to every process in front, and npm passes its
 * own on to the script.
 */
const sameKeyMs = 300;

/** After being told to stop at once, so long may the winding up take. */
const windingUpMs = 10_000;

export interface InterruptsOptions {
  /** Called at the first signal, which asks to stop gently, and at the second. */
  readonly onInterrupt: (again: boolean) => void;
}

/** Ctrl-C and its like while work goes on: the first stops gently, the second aborts. */
export class Interrupts implements Disposable {
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #onInterrupt: InterruptsOptions["onInterrupt"];
  #first: InterruptSignal | undefined;
  #lastAt = 0;

  constructor({ onInterrupt }: InterruptsOptions) {
    this.#onInterrupt = onInterrupt;
    for (const signal of interruptSignals) process.on(signal, this.#listener);
  }

  /** Aborted by the first signal. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted by the second. */
  get abort(): AbortSignal {
    return this.#abort.signal;
  }

  /** Of a process that was interrupted; undefined when none was. */
  get exitStatus(): number | undefined {
    return this.#first && signalExitStatus[this.#first];
  }

  /**
   * Ends the watch. A process that was interrupted is about to end: until it has, one more signal ends
   * it with the same status, where the system's default would look like a crash.
   */
  [Symbol.dispose](): void {
    for (const signal of interruptSignals) {
      process.off(signal, this.#listener);
      if (this.#first !== undefined) process.once(signal, () => process.exit(this.exitStatus));
    }
  }

  readonly #listener = (signal: InterruptSignal): void => {
    const now = performance.now();
    if (this.#first === undefined) {
      this.#first = signal;
      this.#onInterrupt(false);
      this.#stop.abort(new Error(`Interrupted by ${signal}`));
    } else if (now - this.#lastAt > sameKeyMs) {
      if (this.#abort.signal.aborted) process.exit(this.exitStatus);
      this.#onInterrupt(true);
      this.#abort.abort(new Error(`Interrupted twice by ${signal}`));
      setTimeout(() => process.exit(this.exitStatus), windingUpMs).unref();
    }
    this.#lastAt = now;
  };
}

const interruptSignals = Object.keys(signalExitStatus) as InterruptSignal[];
