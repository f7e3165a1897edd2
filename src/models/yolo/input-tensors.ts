import type { Runtime, Tensor } from "../../native/runtime.ts";
import type { NetworkSignature } from "./network-signature.ts";

/** More are not kept: one is being inferred while the next one is written into the other. */
const kept = 2;

/**
 * Input tensors that are used again, so that a photo of the last photo's size costs no new memory.
 */
export class InputTensors implements Disposable {
  readonly #runtime: Runtime;
  readonly #elementType: NetworkSignature["inputType"];
  readonly #channels: number;
  #free: Tensor[] = [];
  #isDisposed = false;

  constructor(runtime: Runtime, network: Pick<NetworkSignature, "inputType" | "inputChannels">) {
    this.#runtime = runtime;
    this.#elementType = network.inputType;
    this.#channels = network.inputChannels;
  }

  /** Returns a tensor (batch, channels, height, width), not filled; disposing gives it back. */
  take(
    [height, width]: readonly [number, number],
    batch = 1,
  ): { readonly tensor: Tensor } & Disposable {
    const shape = [batch, this.#channels, height, width];
    const fits = (tensor: Tensor) => tensor.shape.every((extent, axis) => extent === shape[axis]);
    const index = this.#free.findIndex(fits);
    const tensor =
      index >= 0
        ? this.#free.splice(index, 1)[0]!
        : this.#runtime.createTensor(this.#elementType, shape);
    return { tensor, [Symbol.dispose]: () => this.#giveBack(tensor) };
  }

  /** Lets go of the tensors that are not in use. */
  clear(): void {
    for (const tensor of this.#free.splice(0)) tensor[Symbol.dispose]();
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
