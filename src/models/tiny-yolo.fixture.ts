import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GraphBuilder } from "../graph/graph-builder.ts";
import { serializeModel } from "../graph/model-writer.ts";
import type { YoloTask } from "./yolo-network.ts";

export interface TinyYolo {
  readonly task?: YoloTask;
  /** Makes another model: every detection's score. */
  readonly score?: number;
  /** Values of padding in the weights, so that models differ in size. */
  readonly padding?: number;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A network with a YOLO network's inputs and outputs, that finds one `thing` on every photo: a box
 * of 16 × 16 in the middle of its 32 × 32 input. It loads in milliseconds.
 */
export function tinyYolo({ task = "detect", score = 0.5, padding = 0, metadata }: TinyYolo = {}) {
  const graph = new GraphBuilder("tiny-yolo");
  const images = graph.input("images", "float32", [1, 3, 32, 32]);
  const zero = graph.node("ReduceMean", [graph.node("Mul", [images, 0])], { keepdims: 0 });
  const row = [16, 16, 16, 16, score, ...(task === "segment" ? [1, 0] : [])];
  const anchors = 4;
  // The first anchor is the detection, the others score nothing.
  const values = row.flatMap((value) => [value, ...Array(anchors - 1).fill(0)]);
  const output0 = graph.node("Add", [graph.floats(values, [1, row.length, anchors]), zero]);
  graph.output("output0", output0, "float32", [1, row.length, anchors]);
  if (task === "segment") {
    const ones = graph.floats(Array(2 * 64).fill(1), [1, 2, 8, 8]);
    graph.output("output1", graph.node("Add", [ones, zero]), "float32", [1, 2, 8, 8]);
  }
  if (padding > 0) graph.floats(Array.from({ length: padding }, (_, index) => index));
  const described = { task, names: "{0: 'thing'}", stride: "32", imgsz: "[32, 32]", ...metadata };
  return serializeModel(graph.toModel({ metadata: Object.entries(described) }));
}

/** A photo of 64 × 64 that needs no decoding. */
export const blackPhoto = { data: new Uint8Array(3 * 64 * 64), widthPx: 64, heightPx: 64 };

/** Model files in a folder of their own, which goes with the object. */
export class ModelFolder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<ModelFolder> {
    return new ModelFolder(await mkdtemp(join(tmpdir(), "orangery-models-")));
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Writes a file whole, as a careful deployment does: beside it, then renamed. */
  async write(name: string, contents: Uint8Array | string): Promise<string> {
    const part = this.file(`${name}.part`);
    await writeFile(part, contents);
    await rename(part, this.file(name));
    return this.file(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }
}
