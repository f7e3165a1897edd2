import { OrangeryError } from "../../errors.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import type { YoloLayer, YoloModule, YoloNetwork } from "./modules.ts";
import { RandomBlocks, signalGain } from "./random-blocks.ts";
import { RandomModules } from "./random-modules.ts";
import { createYoloModel } from "./yolo-model.ts";

/** Depth and width factors and the widest layer, by the letter in the model's name. */
const scales = {
  n: { depth: 0.5, width: 0.25, maxChannels: 1024 },
  s: { depth: 0.5, width: 0.5, maxChannels: 1024 },
  m: { depth: 0.5, width: 1, maxChannels: 512 },
  l: { depth: 1, width: 1, maxChannels: 512 },
  x: { depth: 1, width: 1.5, maxChannels: 512 },
} as const;

export type Yolo11Scale = keyof typeof scales;
export type Yolo11Task = "detect" | "segment";

/**
 * A YOLO11 with random weights: for benchmarks, tests and everything else that needs the network's
 * shape and cost but not its knowledge. The same options give the same bytes.
 *
 * @param options - `imageSize` in pixels, a square's side or height and width, in multiples of 32;
 * `classCount` classes are called "class0" and so on.
 */
export function buildYolo11(options: {
  readonly scale: Yolo11Scale;
  readonly task: Yolo11Task;
  readonly classCount?: number;
  readonly imageSize?: number | readonly [heightPx: number, widthPx: number];
  readonly seed?: number;
}): OnnxModel {
  const { scale, task, classCount = 80, imageSize = 640, seed = 0 } = options;
  return createYoloModel({
    network: randomYolo11({ scale, task, classCount, seed }),
    imageSize,
    names: Array.from({ length: classCount }, (_, i) => `class${i}`),
    description: `YOLO11${scale}${task === "segment" ? "-seg" : ""} with random weights, seed ${seed}`,
  });
}

/** The layers of yolo11.yaml and yolo11-seg.yaml, with random weights. */
export function randomYolo11(options: {
  readonly scale: Yolo11Scale;
  readonly task: Yolo11Task;
  readonly classCount: number;
  readonly seed: number;
}): YoloNetwork {
  const { scale, task, classCount, seed } = options;
  if (!Number.isInteger(classCount) || classCount < 1) {
    throw new OrangeryError("INVALID_ARGUMENT", `Expected 1 class or more, got ${classCount}.`);
  }
  const { depth, width, maxChannels } = scales[scale];
  const random = new RandomModules(seed);
  const blocks = new RandomBlocks(random);
  const channels = (count: number) => Math.ceil((Math.min(count, maxChannels) * width) / 8) * 8;
  const repeats = Math.max(Math.round(2 * depth), 1);
  const deep = scale !== "n" && scale !== "s";

  const layers: YoloLayer[] = [];
  const widths: number[] = [];
  const add = (outputs: number, module: YoloModule, from: readonly number[] = [-1]) => {
    layers.push({ from, module });
    widths.push(outputs);
  };
  const last = () => widths.at(-1) ?? 3;
  const down = (count: number, gain = 1) =>
    add(channels(count), random.conv(last(), channels(count), { kernel: 3, stride: 2, gain }));
  const c3k2 = (count: number, block: { c3k: boolean; ratio?: number }) => {
    const c3k = deep || block.c3k;
    add(channels(count), blocks.c3k2(last(), channels(count), { ...block, c3k, repeats }));
  };
  const up = () => add(last(), { kind: "upsample", factor: 2 });
  const joinWith = (layer: number) => add(last() + widths[layer]!, { kind: "concat" }, [-1, layer]);

  // Backbone: layers 0 to 10.
  down(64, signalGain);
  down(128);
  c3k2(256, { c3k: false, ratio: 0.25 });
  down(256);
  c3k2(512, { c3k: false, ratio: 0.25 });
  down(512);
  c3k2(512, { c3k: true });
  down(1024);
  c3k2(1024, { c3k: true });
  add(channels(1024), blocks.sppf(last(), channels(1024)));
  add(channels(1024), blocks.c2psa(last(), repeats));

  // Neck: down to stride 8 (layer 16) and up again to 16 (layer 19) and 32 (layer 22).
  up();
  joinWith(6);
  c3k2(512, { c3k: false });
  up();
  joinWith(4);
  c3k2(256, { c3k: false });
  down(256);
  joinWith(13);
  c3k2(512, { c3k: false });
  down(512);
  joinWith(10);
  c3k2(1024, { c3k: true });

  const from = [16, 19, 22];
  const inputs = from.map((layer) => widths[layer]!);
  const head =
    task === "detect"
      ? blocks.detect(inputs, classCount)
      : blocks.segment(inputs, classCount, channels(256));
  return { layers, head: { from, module: head } };
}
