import type { FuseModule, YoloLayer, YoloNetwork } from "../../graph/yolo/modules.ts";
import { describe, type PickledModule } from "./pickled-module.ts";
import { readHead } from "./read-head.ts";
import { readModule } from "./read-module.ts";

/** Reads the layers of a model, each of which says by `f` whose outputs it reads. */
export function readNetwork(model: PickledModule): YoloNetwork {
  const sequence = model.child("model");
  if (sequence.kind !== "torch:Sequential") sequence.unsupported();
  const modules = sequence.children();
  const last = modules.at(-1) ?? sequence.refuse("layers", "none");
  const layers = modules.slice(0, -1).map((module, index): YoloLayer => {
    const from = readFrom(module, index);
    const sources = sourcesOf(modules, from, index);
    return module.kind === "ultralytics:CBFuse"
      ? { from, module: readFuse(module, sources) }
      : { from, module: readModule(readerOfMaps(module, sources)) };
  });
  const from = readFrom(last, layers.length);
  const head = readHead(readerOfMaps(last, sourcesOf(modules, from, layers.length)));
  return { layers, head: { from, module: head } };
}

/** Returns the modules whose outputs a layer reads; the picture is none of them. */
function sourcesOf(
  modules: readonly PickledModule[],
  from: readonly number[],
  index: number,
): readonly PickledModule[] {
  return from
    .map((layer) => (layer === -1 ? index - 1 : layer))
    .filter((layer) => layer >= 0)
    .map((layer) => modules[layer]!);
}

/** Returns the module if it can read its sources: the output of a CBLinear is a list of maps. */
function readerOfMaps(module: PickledModule, sources: readonly PickledModule[]): PickledModule {
  return sources.some(({ kind }) => kind === "ultralytics:CBLinear")
    ? module.refuse("maps to read", "the list of a CBLinear")
    : module;
}

/** Reads a CBFuse, whose `idx` chooses the map of each list that is added to the last input. */
function readFuse(module: PickledModule, sources: readonly PickledModule[]): FuseModule {
  readerOfMaps(module, sources.slice(-1));
  const lists = sources.slice(0, -1);
  const chosen = module.integers("idx", { least: 0, most: 63, count: lists.length });
  const slices = lists.map((list, i) => {
    if (list.kind !== "ultralytics:CBLinear") return list.unsupported();
    const sizes = list.integers("c2s", { least: 1, most: 2 ** 16 });
    const channels = sizes[chosen[i]!] ?? module.refuse("maps that there are", `${chosen[i]}`);
    const first = sizes.slice(0, chosen[i]).reduce((sum, size) => sum + size, 0);
    return { first, channels };
  });
  return { kind: "fuse", slices };
}

/** Reads indices of earlier layers; -1 is the layer before, or the picture for the first. */
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
