import { OrangeryError } from "../../errors.ts";
import type { YoloLayer, YoloModule, YoloNetwork } from "./modules.ts";
import { RandomBlocks, signalGain } from "./random-blocks.fixture.ts";
import { RandomModules } from "./random-modules.fixture.ts";
import {
  configurations,
  type LayerRow,
  type YoloFamily,
  type YoloScale,
} from "./yolo-families.fixture.ts";

export interface RandomYoloOptions {
  readonly family: YoloFamily;
  readonly scale: YoloScale;
  readonly task: "detect" | "segment";
  readonly classCount: number;
  /** The same options with the same seed give the same weights. */
  readonly seed: number;
}

/**
 * A network of a YOLO family with random weights: for benchmarks, tests and everything else that
 * needs the network's shape and cost but not its knowledge.
 */
export function randomYolo(options: RandomYoloOptions): YoloNetwork {
  if (!Number.isInteger(options.classCount) || options.classCount < 1) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected 1 class or more, got ${options.classCount}.`,
    );
  }
  return new RandomNetwork(options).build();
}

class RandomNetwork {
  readonly #options: RandomYoloOptions;
  readonly #random: RandomModules;
  readonly #blocks: RandomBlocks;
  readonly #layers: YoloLayer[] = [];
  /** Channels of each layer's output. */
  readonly #widths: number[] = [];

  constructor(options: RandomYoloOptions) {
    this.#options = options;
    this.#random = new RandomModules(options.seed);
    this.#blocks = new RandomBlocks(this.#random);
  }

  build(): YoloNetwork {
    const { family, task, classCount } = this.#options;
    const { rows, headFrom, separable, endToEnd } = configurations[family];
    for (const row of rows) this.#add(row);
    const inputs = headFrom.map((layer) => this.#widths[layer]!);
    const head = { classCount, separable, endToEnd };
    const module =
      task === "detect"
        ? this.#blocks.detect(inputs, head)
        : this.#blocks.segment(inputs, { ...head, protoWidth: this.#channels(256) });
    return { layers: this.#layers, head: { from: headFrom, module } };
  }

  #add(row: LayerRow): void {
    const inputs = this.#widths.at(-1) ?? 3;
    const from = row.block === "join" ? [-1, row.layer] : [-1];
    const outputs = this.#outputsOf(row, inputs);
    this.#layers.push({ from, module: this.#moduleOf(row, inputs, outputs) });
    this.#widths.push(outputs);
  }

  #outputsOf(row: LayerRow, inputs: number): number {
    if (row.block === "join") return inputs + this.#widths[row.layer]!;
    return "channels" in row ? this.#channels(row.channels) : inputs;
  }

  #moduleOf(row: LayerRow, inputs: number, outputs: number): YoloModule {
    const { scale } = this.#options;
    switch (row.block) {
      case "conv":
        return this.#down(inputs, outputs);
      case "c2f":
        return this.#blocks.c2f(inputs, outputs, { ...row, repeats: this.#repeats(row.repeats) });
      case "c3k2": {
        const c3k = row.c3k || (scale !== "n" && scale !== "s");
        return this.#blocks.c3k2(inputs, outputs, {
          ...row,
          repeats: this.#repeats(row.repeats),
          c3k,
        });
      }
      case "a2c2f":
        return this.#blocks.a2c2f(inputs, outputs, {
          ...row,
          repeats: this.#repeats(row.repeats),
          residual: scale === "l" || scale === "x",
        });
      case "sppf":
        return this.#blocks.sppf(inputs, outputs, row);
      case "c2psa":
        return this.#blocks.c2psa(inputs, this.#repeats(row.repeats));
      case "up":
        return { kind: "upsample", factor: 2 };
      case "join":
        return { kind: "concat" };
    }
  }

  #down(inputs: number, outputs: number): YoloModule {
    const gain = this.#layers.length === 0 ? signalGain : 1;
    return this.#random.conv(inputs, outputs, { kernel: 3, stride: 2, gain });
  }

  get #scale() {
    return configurations[this.#options.family].scales[this.#options.scale];
  }

  #channels(count: number): number {
    const { width, maxChannels } = this.#scale;
    return Math.ceil((Math.min(count, maxChannels) * width) / 8) * 8;
  }

  #repeats(count: number): number {
    return Math.max(Math.round(count * this.#scale.depth), 1);
  }
}
