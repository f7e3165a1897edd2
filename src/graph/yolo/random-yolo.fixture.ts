import { OrangeryError } from "../../errors.ts";
import type { YoloLayer, YoloNetwork } from "./modules.ts";
import { RandomBlocks } from "./random-blocks.fixture.ts";
import { RandomModules } from "./random-modules.fixture.ts";
import { RandomOlderBlocks } from "./random-older-blocks.fixture.ts";
import {
  configurationOf,
  type LayerRow,
  type YoloConfiguration,
  type YoloFamily,
  type YoloScale,
} from "./yolo-families.fixture.ts";

export interface RandomYoloOptions {
  readonly family: YoloFamily;
  readonly scale: YoloScale;
  readonly task: "detect" | "segment";
  readonly classCount: number;
  /** The same options with the same seed make the same weights; without one all weights are 0. */
  readonly seed?: number | undefined;
  /** Of the pictures; default 3. */
  readonly channels?: 1 | 3;
  /** Whether its layers are half as wide: as many layers with about a quarter of the weights. */
  readonly narrow?: boolean | undefined;
}

/**
 * Makes a network of a YOLO family with random weights: for benchmarks, tests and everything else
 * that needs the network's shape and cost but not its knowledge.
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
  readonly #configuration: YoloConfiguration;
  readonly #random: RandomModules;
  readonly #blocks: RandomBlocks;
  readonly #older: RandomOlderBlocks;
  readonly #layers: YoloLayer[] = [];
  /** Channels of each layer's output. */
  readonly #widths: number[] = [];

  constructor(options: RandomYoloOptions) {
    this.#options = options;
    this.#configuration = configurationOf(options.family, options.scale);
    this.#random = new RandomModules(options.seed, this.#configuration.activation);
    this.#blocks = new RandomBlocks(this.#random);
    this.#older = new RandomOlderBlocks(this.#random, this.#blocks);
  }

  build(): YoloNetwork {
    const { task, classCount } = this.#options;
    const { rows, headFrom, head } = this.#configuration;
    for (const row of rows) this.#add(row);
    const inputs = headFrom.map((layer) => this.#widths[layer]!);
    const options = { strides: [8, 16, 32], ...head, classCount };
    const module =
      task === "detect"
        ? this.#blocks.detect(inputs, options)
        : this.#blocks.segment(inputs, { ...options, protoWidth: this.#channels(256) });
    return { layers: this.#layers, head: { from: headFrom, module } };
  }

  #add({ from = [-1], channels, joins = false, make }: LayerRow): void {
    const index = this.#layers.length;
    const sources = from.map((layer) => (layer < -1 ? index + layer : layer));
    const widths = sources.map((layer) => this.#widths.at(layer) ?? this.#options.channels ?? 3);
    const inputs = joins ? widths.reduce((sum, width) => sum + width, 0) : widths.at(-1)!;
    const outputs = channels === undefined ? inputs : this.#channels(channels);
    const module = make({
      inputs,
      outputs,
      random: this.#random,
      blocks: this.#blocks,
      older: this.#older,
      scale: this.#options.scale,
      repeats: (count) => Math.max(Math.round(count * this.#configuration.depth), 1),
    });
    this.#layers.push({ from: sources, module });
    this.#widths.push(outputs);
  }

  #channels(count: number): number {
    const { width, maxChannels } = this.#configuration;
    const factor = this.#options.narrow ? width / 2 : width;
    return Math.ceil((Math.min(count, maxChannels) * factor) / 8) * 8;
  }
}
