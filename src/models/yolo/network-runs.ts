import { inputExtent } from "../../graph/byte-input.ts";
import type { Runtime, Tensor } from "../../native/runtime.ts";
import type { InputValues } from "../../vision/letterbox/letterbox-rows.ts";
import { computesOnCpu, type Device } from "../devices/device.ts";
import { BatchLimit } from "../runs/batch-limit.ts";
import { GatheredRuns, partsOf, type RunPart } from "../runs/gathered-runs.ts";
import type { ModelRuns } from "../runs/model-runs.ts";
import { isOutOfMemory } from "../runs/out-of-memory.ts";
import { usualBatch } from "../runs/usual-batch.ts";
import { InputTensors } from "./input-tensors.ts";
import type { NetworkSignature } from "./network-signature.ts";

/** More pictures a run are slower to prepare than they save. */
const maxBatch = 64;

export interface NetworkRunsOptions {
  readonly runtime: Runtime;
  readonly runs: ModelRuns;
  readonly network: NetworkSignature;
  readonly device: Device;
}

/** The runs of a network: tensors for its input, and how many pictures share a run. */
export class NetworkRuns implements AsyncDisposable {
  readonly #runs: ModelRuns;
  readonly #network: NetworkSignature;
  readonly #inputs: InputTensors;
  readonly #batchLimit: BatchLimit;
  /** Makes batches of single pictures; undefined where they would not be faster. */
  readonly #gathered: GatheredRuns | undefined;

  constructor({ runtime, runs, network, device }: NetworkRunsOptions) {
    this.#runs = runs;
    this.#network = network;
    this.#inputs = new InputTensors(runtime, { network, reusesShapes: device.kind !== "cpu" });
    this.#batchLimit = new BatchLimit(network.freeBatch ? maxBatch : 1);
    if (computesOnCpu(device) || !network.freeBatch) return;
    this.#gathered = new GatheredRuns({
      inFlight: runs.inFlight,
      largest: () => Math.min(usualBatch.gpu, this.largestBatch),
      run: (inputs, signal) => this.#runTogether(inputs, signal),
    });
  }

  /** The most pictures that one run takes; fewer than at first once memory has run out. */
  get largestBatch(): number {
    return this.#batchLimit.largest;
  }

  /** Returns an input for so many pictures, not filled; disposing gives it back. */
  takeInput(sizeHw: readonly [number, number], count: number) {
    return this.#inputs.take(sizeHw, count);
  }

  /**
   * Runs an input of `count` pictures when it is the model's turn; one picture shares its run with
   * others where that is faster. Dispose the parts, which are one for each picture.
   */
  async run(
    input: Tensor,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly RunPart[]> {
    if (count === 1 && this.#gathered !== undefined) {
      return [await this.#gathered.run(input, signal)];
    }
    return await this.#runBatch(input, count, signal);
  }

  /** Works on pictures in batches that one run takes, smaller ones once memory has run out. */
  async inBatches<Item, Result>(
    items: readonly Item[],
    work: (batch: readonly Item[]) => Promise<readonly Result[]>,
    signal: AbortSignal | undefined,
  ): Promise<Result[]> {
    return await this.#batchLimit.run(items, work, () => this.#giveMemoryBack(signal));
  }

  async #runBatch(
    input: Tensor,
    count: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly RunPart[]> {
    return partsOf(await this.#runs.run({ [this.#network.inputName]: input }, { signal }), count);
  }

  /** Runs inputs of one picture each: in one run, or in more where memory runs out. */
  async #runTogether(
    inputs: readonly Tensor[],
    signal: AbortSignal | undefined,
  ): Promise<readonly RunPart[]> {
    using unused = new DisposableStack();
    const run = async (batch: readonly Tensor[]): Promise<readonly RunPart[]> => {
      const parts = await this.#runCopied(batch, signal);
      for (const part of parts) unused.use(part);
      return parts;
    };
    const all = await this.inBatches(inputs, run, signal);
    unused.move();
    return all;
  }

  async #runCopied(
    inputs: readonly Tensor[],
    signal: AbortSignal | undefined,
  ): Promise<readonly RunPart[]> {
    const [first] = inputs as [Tensor];
    if (inputs.length === 1) return await this.#runBatch(first, 1, signal);
    using batch = this.takeInput(this.#sizeHwOf(first), inputs.length);
    const all = batch.tensor.data as InputValues;
    for (const [index, { data }] of inputs.entries()) {
      all.set(data as InputValues, index * data.length);
    }
    return await this.#runBatch(batch.tensor, inputs.length, signal);
  }

  /** [height, width] of an input. */
  #sizeHwOf({ shape }: Tensor): readonly [number, number] {
    const extentOf = (axis: "height" | "width") =>
      inputExtent(shape, this.#network.inputLayout, axis)!;
    return [extentOf("height"), extentOf("width")];
  }

  /**
   * Releases what the failed run had allocated, so that the next has room. Releasing takes a little
   * memory itself: if there is none, the smaller run shows whether it fits.
   */
  async #giveMemoryBack(signal: AbortSignal | undefined): Promise<void> {
    this.#inputs.forgetShapes();
    try {
      await this.#runs.trimMemory(signal);
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
    }
  }

  /** Gives the working memory that no run needs now back to the system or the device. */
  async trimMemory(): Promise<void> {
    this.#inputs.clear();
    await this.#runs.trimMemory();
  }

  /** Call it when no run is in flight. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#inputs[Symbol.dispose]();
    await this.#runs[Symbol.asyncDispose]();
  }
}
