import { GraphBuilder, type Value } from "../graph-builder.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import { toYoloMetadata } from "../yolo/yolo-metadata.ts";
import { type ImageOperations, imageOperations } from "./image-operations.ts";

const E = (k: string, d: number) => Number(process.env[k] ?? d);
const scalesPerOctave = 3;
const finestSigma = E("S0", 1.4);
const coarseBonus = E("GAM", 0.4);
const slopeWeight = E("C", 0.5);
const levelWeight = E("KAPPA", 0.15);
const spreadToSide = E("SIDE", 3.2);
const typicalStrength = E("T", 0.06);
const reach = E("REACH", 4);

export function buildSeedlingDetector(): OnnxModel {
  const graph = new GraphBuilder("seedlings");
  const images = graph.input("images", "float32", [1, 3, "height", "width"]);
  const ops = imageOperations(graph);

  const octaves: Octave[] = [];
  let image = excessGreen(ops, ops.shrink(images, 2));
  let sigma = 0;
  for (const stride of [8, 16, 32]) {
    const { octave, next } = summits(ops, image, { sigma, pixelPx: stride / 4 });
    octaves.push(octave);
    image = ops.shrink(next, 2);
    sigma = finestSigma;
  }
  const rows = octaves.map((octave, i) => anchors(graph, ops, octave, fieldAround(ops, octaves, i)));
  graph.output("output0", graph.node("Concat", rows, { axis: 2 }), "float32", [1, 5, "anchors"]);

  return graph.toModel({
    metadata: toYoloMetadata({
      description: "Seedlings as green summits: classical image operations, no training",
      task: "detect",
      stride: 32,
      imageSizeHw: [1280, 1280],
      names: ["plant"],
      dynamic: true,
    }),
  });
}

function excessGreen(ops: ImageOperations, image: Value): Value {
  const [red, green, blue] = ops.channels(image, 3) as [Value, Value, Value];
  const others = ops.sum(red, blue);
  const excess = ops.difference(ops.product(green, 2), others);
  const total = ops.sum(ops.sum(green, others), E("D", 0.15));
  return ops.clamp(ops.quotient(excess, total), 0, E("CAP", 0.5));
}

interface Octave {
  readonly pixelPx: number;
  readonly strength: Value;
  readonly width: Value;
  readonly height: Value;
}

function summits(
  ops: ImageOperations,
  image: Value,
  options: { readonly sigma: number; readonly pixelPx: number },
): { octave: Octave; next: Value } {
  let smooth = image;
  let reached = options.sigma;
  const smoothTo = (sigma: number) => {
    if (sigma > reached) smooth = ops.blur(smooth, Math.sqrt(sigma ** 2 - reached ** 2));
    reached = sigma;
    return smooth;
  };
  const scales = Array.from({ length: scalesPerOctave }, (_, i) => {
    const sigma = finestSigma * 2 ** (i / scalesPerOctave);
    return { ...summitsAt(ops, smoothTo(sigma), sigma), bonus: (sigma*options.pixelPx) ** coarseBonus };
  });
  const strengths = scales.map(({ strength, bonus }) => ops.product(strength, bonus));
  const strength = strengths.reduce((a, b) => ops.larger(a, b));
  const ofStrongest = (values: Value[]) =>
    values
      .map((value, i) => ops.choose(ops.atLeast(strengths[i]!, strength), value, 0))
      .reduce((a, b) => ops.larger(a, b));
  const octave = {
    pixelPx: options.pixelPx,
    strength,
    width: ops.product(ofStrongest(scales.map(({ width }) => width)), options.pixelPx),
    height: ops.product(ofStrongest(scales.map(({ height }) => height)), options.pixelPx),
  };
  return { octave, next: smoothTo(2 * finestSigma) };
}

function summitsAt(ops: ImageOperations, smooth: Value, sigma: number) {
  const derivative = (order: number, kernel: number[][]) =>
    ops.product(ops.filter(smooth, kernel), sigma ** order);
  const xx = derivative(2, [[0, 0, 0], [-1, 2, -1], [0, 0, 0]]);
  const yy = derivative(2, [[0, -1, 0], [0, 2, 0], [0, -1, 0]]);
  const xy = derivative(2, [[-0.25, 0, 0.25], [0, 0, 0], [0.25, 0, -0.25]]);
  const x = derivative(1, [[0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]]);
  const y = derivative(1, [[0, -0.5, 0], [0, 0, 0], [0, 0.5, 0]]);
  const hypotenuse = (a: Value, b: Value) =>
    ops.squareRoot(ops.sum(ops.product(a, a), ops.product(b, b)));
  const mean = ops.product(ops.sum(xx, yy), 0.5);
  const curvature = ops.difference(mean, hypotenuse(ops.product(ops.difference(xx, yy), 0.5), xy));
  const slope = ops.product(hypotenuse(x, y), slopeWeight);
  const level = ops.product(smooth, levelWeight);
  const strength = ops.difference(ops.difference(curvature, slope), level);
  const side = (bend: Value) => {
    const variance = ops.difference(ops.quotient(smooth, ops.larger(bend, 1e-6)), 1);
    return ops.product(ops.squareRoot(ops.larger(variance, 0.25)), sigma * spreadToSide);
  };
  return { strength, width: side(xx), height: side(yy) };
}

function fieldAround(ops: ImageOperations, octaves: readonly Octave[], own: number): Value {
  return octaves
    .map((octave, i) => {
      const field = ops.dilate(octave.strength, reach);
      if (i === own) return field;
      return i > own ? ops.enlarge(field, 2 ** (i - own)) : ops.shrinkToMaximum(field, 2 ** (own - i));
    })
    .reduce((a, b) => ops.larger(a, b));
}

function anchors(graph: GraphBuilder, ops: ImageOperations, octave: Octave, field: Value): Value {
  const isSummit = ops.atLeast(octave.strength, field);
  const positive = ops.larger(octave.strength, 0);
  const score = ops.quotient(positive, ops.sum(positive, typicalStrength));
  const x = ops.product(ops.columns(octave.strength), octave.pixelPx);
  const y = ops.product(ops.rows(octave.strength), octave.pixelPx);
  const values = [x, y, octave.width, octave.height, score].map((value) => ops.choose(isSummit, value, 0));
  return graph.node("Reshape", [ops.shrinkToMaximum(ops.stack(values), 4), graph.ints([1, 5, -1])]);
}
