import { signalExitStatus } from "./exit-status.ts";

type InterruptSignal = keyof typeof signalExitStatus;

/**
 * One Ctrl-C can arrive twice: the terminal sends it to every process in the foreground, and npm
 * passes its own on to the script.
 */
const sameKeyMs = 300;

export interface InterruptsOptions {
  /** Called at the first signal, which asks to stop gently, and at the second. */
  readonly onInterrupt?: Interrupts["onInterrupt"] | undefined;
  /** The signals that interrupt. Default: all that ask a process to end. */
  readonly signals?: readonly InterruptSignal[];
  /** The process exits this long after the first signal. Default: only after the second. */
  readonly stoppingMs?: number | undefined;
  /**
   * The process exits this long after the second signal, and at once after a third. Default 10 s;
   * with Infinity the caller has to end it.
   */
  readonly windingUpMs?: number;
}

/** For what only reads: a request that the server does not answer is not waited for. */
export const whileReading: InterruptsOptions = { stoppingMs: 5_000 };

/** Watches for Ctrl-C and similar signals: the first asks to stop gently, the second to abort. */
export class Interrupts implements Disposable {
  /** As in the options; another may take over while work proceeds. */
  onInterrupt: (again: boolean) => void;
  readonly #stop = new AbortController();
  readonly #abort = new AbortController();
  readonly #signals: readonly InterruptSignal[];
  readonly #stoppingMs: number | undefined;
  readonly #windingUpMs: number;
  #first: InterruptSignal | undefined;
  #lastAtMs = 0;

  constructor({
    onInterrupt = () => {},
    signals = Object.keys(signalExitStatus) as InterruptSignal[],
    stoppingMs,
    windingUpMs = 10_000,
  }: InterruptsOptions = {}) {
    this.onInterrupt = onInterrupt;
    this.#signals = signals;
    this.#stoppingMs = stoppingMs;
    this.#windingUpMs = windingUpMs;
    for (const signal of signals) process.on(signal, this.#listener);
  }

  /** Aborted by the first signal. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted by the second. */
  get abort(): AbortSignal {
    return this.#abort.signal;
  }

  /** The exit status of an interrupted process; undefined without an interrupt. */
  get exitStatus(): number | undefined {
    return this.#first && signalExitStatus[this.#first];
  }

  /**
   * Stops watching. An interrupted process is about to end: until then, one more signal ends it
   * with the same status, where the system's default would look like a crash.
   */
  [Symbol.dispose](): void {
    for (const signal of this.#signals) {
      process.off(signal, this.#listener);
      if (this.#first !== undefined) process.once(signal, () => process.exit(this.exitStatus));
    }
  }

  readonly #listener = (signal: InterruptSignal): void => {
    const nowMs = performance.now();
    if (this.#first === undefined) {
      this.#first = signal;
      if (this.#stoppingMs !== undefined) this.#exitAfter(this.#stoppingMs);
      this.onInterrupt(false);
      this.#stop.abort(new Error(`Interrupted by ${signal}`));
    } else if (nowMs - this.#lastAtMs > sameKeyMs) {
      this.#interruptAgain(signal);
    }
    this.#lastAtMs = nowMs;
  };

  #interruptAgain(signal: InterruptSignal): void {
    const canExit = this.#windingUpMs !== Infinity;
    if (this.#abort.signal.aborted) {
      if (canExit) process.exit(this.exitStatus);
      return;
    }
    this.onInterrupt(true);
    this.#abort.abort(new Error(`Interrupted twice by ${signal}`));
    if (canExit) this.#exitAfter(this.#windingUpMs);
  }

  #exitAfter(ms: number): void {
    setTimeout(() => process.exit(this.exitStatus), ms).unref();
  }
}

/**
 * Runs work that an interrupt may stop; resolves to the status that it returns, or to the
 * interrupt's. An error after an interrupt is no failure.
 */
export async function interruptible(
  work: (interrupts: Interrupts) => Promise<number>,
  options: InterruptsOptions = {},
): Promise<number> {
  using interrupts = new Interrupts(options);
  try {
    const status = await work(interrupts);
    return interrupts.exitStatus ?? status;
  } catch (error) {
    if (interrupts.exitStatus === undefined) throw error;
    return interrupts.exitStatus;
  }
}
