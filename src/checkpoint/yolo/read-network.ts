import type { YoloLayer, YoloNetwork } from "../../graph/yolo/modules.ts";
import { describe, type PickledModule } from "./pickled-module.ts";
import { readHead } from "./read-head.ts";
import { readModule } from "./read-module.ts";

/** The layers of a model, each of which says by `f` whose outputs it reads. */
export function readNetwork(model: PickledModule): YoloNetwork {
  const sequence = model.child("model");
  if (sequence.kind !== "torch:Sequential") sequence.unsupported();
  const modules = sequence.children();
  const last = modules.at(-1) ?? sequence.refuse("layers", "none");
  const layers = modules.slice(0, -1).map(
    (module, index): YoloLayer => ({
      from: readFrom(module, index),
      module: readModule(module),
    }),
  );
  return {
    layers,
    head: { from: readFrom(last, layers.length), module: readHead(last) },
  };
}

/** Indices of earlier layers; -1 stands for the layer before, or for the picture in the first. */
function readFrom(module: PickledModule, index: number): readonly number[] {
  const value = module.attribute("f");
  const from = Array.isArray(value) ? value : [value];
  if (from.length < 1 || from.length > 64) module.refuse("layers to read as `f`", describe(value));
  return from.map((layer) => {
    if (layer === -1) return layer;
    const exists =
      typeof layer === "number" && Number.isInteger(layer) && layer >= -index && layer < index;
    if (!exists) return module.refuse("an earlier layer as `f`", describe(layer));
    return layer < 0 ? index + layer : layer;
  });
}
