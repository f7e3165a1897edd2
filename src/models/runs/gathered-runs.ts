import type { Tensor } from "../../native/runtime.ts";
import type { FinishedRun } from "./model-runs.ts";

/** What a run found for one of its inputs. Its outputs go when all of its parts are disposed. */
export interface RunPart extends Disposable {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Which picture of the outputs. */
  readonly index: number;
  /** This input's share of the time on the device. */
  readonly inferenceMs: number;
}

export interface GatheredRunsOptions {
  /** Runs that may be in flight at a time. */
  readonly inFlight: number;
  /** Returns the most inputs that a run takes now. */
  readonly largest: () => number;
  /** Runs inputs of one shape, each with one picture, and returns a part for each. */
  readonly run: (
    inputs: readonly Tensor[],
    signal: AbortSignal | undefined,
  ) => Promise<readonly RunPart[]>;
}

interface Waiting {
  readonly input: Tensor;
  readonly signal: AbortSignal | undefined;
  readonly shape: string;
  readonly part: PromiseWithResolvers<RunPart>;
}

/**
 * Batches single requests: inputs that arrive while the device is busy share the next run. On an
 * idle device, an input does not wait for others.
 *
 * Batches have 1, 2, 4, 8 … inputs, since a GPU prepares itself for each new shape.
 */
export class GatheredRuns {
  readonly #options: GatheredRunsOptions;
  readonly #waiting: Waiting[] = [];
  #inFlight = 0;

  constructor(options: GatheredRunsOptions) {
    this.#options = options;
  }

  /**
   * Runs an input, which must stay as it is until this settles.
   *
   * @throws what the run throws, for each of its inputs; or the signal's reason. An abort stops the
   *   wait, and a run of this input alone; a run of several goes on for the others.
   */
  async run(input: Tensor, signal?: AbortSignal): Promise<RunPart> {
    signal?.throwIfAborted();
    const part = Promise.withResolvers<RunPart>();
    const waiting = { input, signal, shape: input.shape.join(" "), part };
    const leave = () => {
      const at = this.#waiting.indexOf(waiting);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      part.reject(signal?.reason);
    };
    signal?.addEventListener("abort", leave, { once: true });
    this.#waiting.push(waiting);
    if (this.#inFlight < this.#options.inFlight) void this.#runAll();
    try {
      return await part.promise;
    } finally {
      signal?.removeEventListener("abort", leave);
    }
  }

  async #runAll(): Promise<void> {
    this.#inFlight++;
    while (this.#waiting.length > 0) await this.#runNext();
    this.#inFlight--;
  }

  async #runNext(): Promise<void> {
    const batch = this.#takeNext();
    const signal = batch.length === 1 ? batch[0]!.signal : undefined;
    try {
      const inputs = batch.map(({ input }) => input);
      const parts = await this.#options.run(inputs, signal);
      for (const [index, waiting] of batch.entries()) deliver(parts[index]!, waiting);
    } catch (error) {
      for (const { part } of batch) part.reject(error);
    }
  }

  /** The input that has waited longest, and others of its shape. */
  #takeNext(): readonly Waiting[] {
    const alike = this.#waiting.filter(({ shape }) => shape === this.#waiting[0]!.shape);
    const most = Math.min(alike.length, this.#options.largest());
    const batch = alike.slice(0, 2 ** Math.floor(Math.log2(most)));
    for (const waiting of batch) this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
    return batch;
  }
}

function deliver(found: RunPart, { part, signal }: Waiting): void {
  if (!signal?.aborted) {
    part.resolve(found);
    return;
  }
  found[Symbol.dispose]();
  part.reject(signal.reason);
}

/** The parts of a run of as many inputs. */
export function partsOf({ outputs, inferenceMs }: FinishedRun, count: number): RunPart[] {
  let used = count;
  return Array.from({ length: count }, (_, index) => ({
    outputs,
    index,
    inferenceMs: inferenceMs / count,
    [Symbol.dispose]: () => {
      used--;
      if (used > 0) return;
      for (const tensor of Object.values(outputs)) tensor[Symbol.dispose]();
    },
  }));
}
