import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GraphBuilder, type Value } from "../../graph/graph-builder.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { onnxDataTypes } from "../../graph/onnx-data-type.ts";
import type { HeadLayout } from "./head-layout.ts";
import type { YoloTask } from "./network-signature.ts";

export interface TinyYolo {
  readonly task?: YoloTask;
  readonly head?: HeadLayout;
  /** Whether all four rows of an end-to-end head are detections, and not the first alone. */
  readonly isFull?: boolean;
  /** Of the input and of the outputs. */
  readonly elementType?: "float32" | "float16";
  /** Whether the input is the photo's bytes, not 0 to 1. */
  readonly takesBytes?: boolean;
  /** Makes another model: every detection's score. */
  readonly score?: number;
  /** Values of padding in the weights, so that models differ in size. */
  readonly padding?: number;
  /** Colours, or 1 for grey. Default 3. */
  readonly channels?: 1 | 3;
  /** Whether height and width of the input are free. Only for detection. */
  readonly freeSize?: boolean;
  /**
   * Whether a run may take any number of pictures. The score on each is then `score` times its
   * brightness, 0 to 1.
   */
  readonly freeBatch?: boolean;
  /** Whether a run takes many seconds, unless it is stopped. */
  readonly slow?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A network with a YOLO network's inputs and outputs, that finds one `thing` on every photo: a box
 * of 16 × 16 in the middle of its 32 × 32 input, or there in a larger one. Loads in milliseconds.
 */
export function tinyYolo({
  task = "detect",
  head = "raw",
  isFull = false,
  elementType = "float32",
  takesBytes = false,
  score = 0.5,
  padding = 0,
  channels = 3,
  freeSize = false,
  freeBatch = false,
  slow = false,
  metadata,
}: TinyYolo = {}) {
  const graph = new GraphBuilder("tiny-yolo");
  const cast = (x: Value, to: "float32" | "float16") =>
    graph.node("Cast", [x], { to: onnxDataTypes.indexOf(to) });
  const inputSize = freeSize ? (["height", "width"] as const) : ([32, 32] as const);
  const batch = freeBatch ? "batch" : 1;
  const shape = [batch, channels, ...inputSize];
  const input = graph.input("images", takesBytes ? "uint8" : elementType, shape);
  const images = takesBytes
    ? graph.node("Div", [cast(input, "float32"), 255])
    : cast(input, "float32");
  let zero = graph.node("ReduceMean", [graph.node("Mul", [images, 0])], { keepdims: 0 });
  if (slow) zero = zeroAfterAWhile(graph, zero);
  const output = (name: string, { values, dims }: { values: number[]; dims: number[] }) => {
    let value = graph.node("Add", [graph.floats(values, dims), zero]);
    if (freeBatch) {
      const scores = values.map((one) => (one === score ? 1 : 0));
      value = byBrightness(graph, { images, value, scores, dims });
    }
    graph.output(name, cast(value, elementType), elementType, [batch, ...dims.slice(1)]);
  };
  const rows = head === "raw" ? rawRows(task, score) : endToEndRows(task, score, isFull);
  output("output0", rows);
  if (task === "segment") output("output1", { values: Array(2 * 64).fill(1), dims: [1, 2, 8, 8] });
  if (padding > 0) graph.floats(Array.from({ length: padding }, (_, index) => index));
  const described = {
    task,
    names: "{0: 'thing'}",
    stride: "32",
    imgsz: "[32, 32]",
    end2end: head === "raw" ? "False" : "True",
    ...metadata,
  };
  return serializeModel(graph.toModel({ metadata: Object.entries(described) }));
}

/** Four anchors, of which the first is the detection. */
function rawRows(task: YoloTask, score: number) {
  const row = [16, 16, 16, 16, score, ...coefficients(task)];
  return { values: row.flatMap((value) => [value, 0, 0, 0]), dims: [1, row.length, 4] };
}

/** Four rows, of which the first is the detection, or all are. */
function endToEndRows(task: YoloTask, score: number, isFull: boolean) {
  const row = [8, 8, 24, 24, score, 0, ...coefficients(task)];
  const others = isFull ? [row, row, row].flat() : Array<number>(3 * row.length).fill(0);
  return { values: [...row, ...others], dims: [1, 4, row.length] };
}

function coefficients(task: YoloTask): number[] {
  return task === "segment" ? [1, 0] : [];
}

/**
 * A value for each picture: `scores` are 1 where it is to be multiplied by the picture's
 * brightness.
 */
function byBrightness(
  graph: GraphBuilder,
  {
    images,
    value,
    scores,
    dims,
  }: { images: Value; value: Value; scores: number[]; dims: number[] },
): Value {
  const brightness = graph.node("ReduceMean", [images], { axes: [1, 2, 3], keepdims: 1 });
  const shape = graph.ints(dims.map((_, axis) => (axis === 0 ? -1 : 1)));
  const factor = graph.node("Add", [
    graph.node("Mul", [graph.node("Reshape", [brightness, shape]), graph.floats(scores, dims)]),
    graph.floats(
      scores.map((one) => 1 - one),
      dims,
    ),
  ]);
  return graph.node("Mul", [value, factor]);
}

function zeroAfterAWhile(graph: GraphBuilder, zero: Value): Value {
  const shape = graph.ints([512, 512]);
  const identity = graph.node("EyeLike", [graph.node("ConstantOfShape", [shape])]);
  // Not a constant for the optimiser to fold: it depends on the input.
  const weights = graph.node("Add", [identity, zero]);
  let product = weights;
  for (let step = 0; step < 2000; step += 1) product = graph.node("MatMul", [product, weights]);
  return graph.node("ReduceMean", [graph.node("Mul", [product, 0])], { keepdims: 0 });
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
