import type { Runtime, Tensor } from "../../native/runtime.ts";
import { inputShape, type NetworkSignature } from "./network-signature.ts";

/** Two are enough: one is being inferred while the next is written into the other. */
const kept = 2;

export interface InputTensorsOptions {
  readonly network: Pick<NetworkSignature, "inputType" | "inputChannels" | "inputLayout">;
  /**
   * Whether a batch may be padded, up to double its size, to a size that has been run before.
   * Default false.
   */
  readonly reusesShapes?: boolean | undefined;
}

/**
 * Input tensors that are used again, so that a photo of the last photo's size costs no new memory.
 *
 * A GPU prepares itself for each new shape: 1.6 to 3.2 s for YOLO11m on an H200. There, the rest of
 * a photo's slices goes into a batch of the usual size, whose other pictures nobody reads.
 */
export class InputTensors implements Disposable {
  readonly #runtime: Runtime;
  /** The batches that were run, by height and width; undefined where any size is as good. */
  readonly #batches: Map<string, Set<number>> | undefined;
  readonly #network: InputTensorsOptions["network"];
  #free: Tensor[] = [];
  #isDisposed = false;

  constructor(runtime: Runtime, { network, reusesShapes = false }: InputTensorsOptions) {
    this.#runtime = runtime;
    this.#network = network;
    this.#batches = reusesShapes ? new Map() : undefined;
  }

  /**
   * Returns a tensor of the network's input, not filled, with room for a batch; disposing gives it
   * back.
   */
  take(sizeHw: readonly [number, number], batch = 1): { readonly tensor: Tensor } & Disposable {
    const shape = inputShape(this.#network, this.#batchFor(batch, sizeHw.join(" ")), sizeHw);
    const fits = (tensor: Tensor) => tensor.shape.every((extent, axis) => extent === shape[axis]);
    const index = this.#free.findIndex(fits);
    const tensor =
      index >= 0
        ? this.#free.splice(index, 1)[0]!
        : this.#runtime.createTensor(this.#network.inputType, shape);
    return { tensor, [Symbol.dispose]: () => this.#giveBack(tensor) };
  }

  #batchFor(wanted: number, sizeHw: string): number {
    // A single picture may become part of another batch.
    if (this.#batches === undefined || wanted === 1) return wanted;
    const known = this.#batches.get(sizeHw) ?? new Set();
    this.#batches.set(sizeHw, known);
    const fitting = [...known].filter((batch) => batch >= wanted && batch <= 2 * wanted);
    if (fitting.length > 0) return Math.min(...fitting);
    known.add(wanted);
    return wanted;
  }

  /** Lets go of the tensors that are not in use. */
  clear(): void {
    for (const tensor of this.#free.splice(0)) tensor[Symbol.dispose]();
  }

  /** Lets go of those tensors, and of the sizes of batches that were run: they were too large. */
  forgetShapes(): void {
    this.clear();
    this.#batches?.clear();
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.clear();
  }

  #giveBack(tensor: Tensor): void {
    this.#free.push(tensor);
    const surplus = this.#free.splice(0, this.#free.length - (this.#isDisposed ? 0 : kept));
    for (const old of surplus) old[Symbol.dispose]();
  }
}
