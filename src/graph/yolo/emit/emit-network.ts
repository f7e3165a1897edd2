import type { GraphBuilder, Value } from "../../graph-builder.ts";
import type { InputExtent, InputSize } from "../input-size.ts";
import { inputChannels, type YoloNetwork } from "../modules.ts";
import { emitHead, type HeadOutputs } from "./emit-head.ts";
import { moduleTable } from "./emit-module.ts";
import { type FeatureMap, mapElements } from "./feature-map.ts";
import { ModuleEmitter } from "./module-emitter.ts";

/**
 * The limit of a map's size, in multiples of the picture's. The largest in real networks have 8
 * times as many numbers; without a limit a network could enlarge a picture until memory runs out.
 */
const largestMap = 256;

export interface EmittedNetwork extends HeadOutputs {
  /** Multiplications in convolutions for one picture of the size. */
  readonly convolutionMacs: number;
}

/**
 * Adds a network.
 *
 * @param pictures (batch, channels, height, width).
 * @param size Of the pictures; where `extent` is free, the size by which the modules are checked.
 * @throws `INVALID_ARGUMENT`, naming the module that does not fit.
 */
export function emitNetwork(
  graph: GraphBuilder,
  network: YoloNetwork,
  {
    pictures,
    size,
    extent,
  }: { readonly pictures: Value; readonly size: InputSize; readonly extent: InputExtent },
): EmittedNetwork {
  const { layers, head } = network;
  const image = {
    value: pictures,
    channels: inputChannels(network),
    rows: size.heightPx,
    columns: size.widthPx,
  };
  const emitter = new ModuleEmitter(graph, moduleTable, largestMap * mapElements(image));
  const maps: FeatureMap[] = [];
  const read = (from: readonly number[]) =>
    from.map((i) => {
      const map = i === -1 && maps.length === 0 ? image : maps.at(i);
      return map ?? emitter.refuse("the output of an earlier layer", `layer ${i}`);
    });
  for (const [i, { from, module }] of layers.entries()) {
    const inputs = graph.scope(`model.${i}`, () => read(from));
    maps.push(emitter.emit(`model.${i}`, module, ...inputs));
  }
  const outputs = graph.scope(`model.${layers.length}`, () =>
    emitHead(emitter, head.module, read(head.from), { image, extent }),
  );
  return { ...outputs, convolutionMacs: emitter.convolutionMacs };
}
