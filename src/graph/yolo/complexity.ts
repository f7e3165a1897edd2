import { GraphBuilder } from "../graph-builder.ts";
import { emitNetwork } from "./emit/emit-network.ts";
import { parameterCount, type YoloNetwork } from "./modules.ts";

/** How large a network is and how much it computes. */
export interface NetworkComplexity {
  /** Layers of the network, the head included, as its configuration lists them. */
  readonly layerCount: number;
  /** Weights and biases, batch norm folded in. */
  readonly parameterCount: number;
  /**
   * 10⁹ floating-point operations for one picture: two for each multiplication in a convolution,
   * as Ultralytics counts. The products of attention are not counted.
   */
  readonly gflops: number;
}

/**
 * Returns the complexity of a network for pictures of this size, and checks all its modules.
 *
 * @throws `INVALID_ARGUMENT` for a size that the network cannot have, and for a network whose
 *   modules do not fit each other, naming the module.
 */
export function complexityOf(
  network: YoloNetwork,
  imageSizeHw: readonly [heightPx: number, widthPx: number],
): NetworkComplexity {
  const [heightPx, widthPx] = imageSizeHw;
  const graph = new GraphBuilder("measured");
  const { convolutionMacs } = emitNetwork(graph, network, {
    pictures: graph.input("images", "float32", []),
    size: { heightPx, widthPx },
    // Anchors of a known size would be constants, which take memory.
    extent: "dynamic",
  });
  return {
    layerCount: network.layers.length + 1,
    parameterCount: parameterCount([network.layers, network.head]),
    gflops: (2 * convolutionMacs) / 1e9,
  };
}
