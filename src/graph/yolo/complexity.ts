import { parameterCount, type YoloNetwork } from "./modules.ts";
import { traceShapes } from "./network-shapes.ts";

/** How large a network is and how much it computes. */
export interface NetworkComplexity {
  /** Layers of the network, the head included, as its configuration lists them. */
  readonly layerCount: number;
  /** Weights and biases, batch norm folded in. */
  readonly parameterCount: number;
  /**
   * 10⁹ floating-point operations for one picture: two for every multiplication in a convolution,
   * which is how Ultralytics counts. The products of attention are not counted.
   */
  readonly gflops: number;
}

/**
 * The complexity of a network for pictures of this size.
 *
 * @throws `INVALID_ARGUMENT` for a size that the network cannot have.
 */
export function complexityOf(
  network: YoloNetwork,
  imageSizeHw: readonly [heightPx: number, widthPx: number],
): NetworkComplexity {
  const [heightPx, widthPx] = imageSizeHw;
  const { convolutionMacs } = traceShapes(network, { heightPx, widthPx });
  return {
    layerCount: network.layers.length + 1,
    parameterCount: parameterCount([network.layers, network.head]),
    gflops: (2 * convolutionMacs) / 1e9,
  };
}
