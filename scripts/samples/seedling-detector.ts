import { GraphBuilder, type Value } from "../../src/graph/graph-builder.ts";
import type { OnnxModel } from "../../src/graph/onnx-nodes.ts";
import { toYoloMetadata } from "../../src/graph/yolo/yolo-metadata.ts";
import { type ImageOperations, imageOperations } from "./image-operations.ts";
import { type Octave, searchOctave } from "./summits.ts";

/** The strength that scores 0.5. With it, summits of soil stay below 0.2 and plants above 0.25. */
const middleStrength = 0.1;

/**
 * A detector of young plants on soil, without any training: classical image operations, written as
 * an ONNX graph that looks like a YOLO11 network from outside. Plants are summits of greenness, at
 * whatever scale they stand out most.
 *
 * Input `images` (1, 3, height, width), RGB in 0..1, sides in multiples of 32; made for image size
 * 1280, where a plant is 10 to 80 px wide. Output `output0` (1, 5, anchors): centre and size in
 * input pixels and the score. A plant has one anchor: the one of its place, on the level of its
 * size; all others have score 0.
 */
export function buildSeedlingDetector(): OnnxModel {
  const graph = new GraphBuilder("seedlings");
  const ops = imageOperations(graph);
  const images = graph.input("images", "float32", [1, 3, "height", "width"]);

  const octaves: Octave[] = [];
  let image = aboveSurroundings(ops, greenness(ops, ops.shrink(images, 2)));
  for (const pixelPx of [2, 4, 8]) {
    const octave = searchOctave(ops, image, { pixelPx, blurred: pixelPx > 2 });
    octaves.push(octave);
    image = octave.next;
  }

  // Twice: bright plants have strong slopes on coarse scales, which must not put out a faint
  // neighbour; only summits may, and only those close by.
  const strengths = octaves.map((octave) => ops.larger(octave.strength, 0));
  const summits = strongestWithin(ops, strongestWithin(ops, strengths, 1), 3);

  const levels = octaves.map((octave, i) => toAnchors(graph, ops, octave, summits[i]!));
  graph.output("output0", graph.node("Concat", levels, { axis: 2 }), "float32", [1, 5, "anchors"]);
  return graph.toModel({
    metadata: toYoloMetadata({
      description: "Seedling detector of classical image operations",
      task: "detect",
      stride: 32,
      imageSizeHw: [1280, 1280],
      names: ["plant"],
      dynamic: true,
    }),
  });
}

/**
 * Excess green over the chromatic coordinates, (2g − r − b) / (r + g + b) (Woebbecke et al. 1995),
 * which neither light nor shadow changes. The offset quiets the noise of black pixels; the cap
 * makes vivid plants equal to pale ones.
 */
function greenness(ops: ImageOperations, rgb: Value): Value {
  const [red, green, blue] = ops.channels(rgb, 3) as [Value, Value, Value];
  const others = ops.sum(red, blue);
  const excess = ops.difference(ops.product(green, 2), others);
  const total = ops.sum(ops.sum(green, others), 0.15);
  return ops.clamp(ops.quotient(excess, total), 0, 0.5);
}

/**
 * What `image` has more than the least in some 90 px around, so that greenish soil, or a photo with
 * a green cast, does not make all plants wider and the faint ones disappear.
 */
function aboveSurroundings(ops: ImageOperations, image: Value): Value {
  const coarse = ops.shrink(image, 4);
  const least = ops.negative(ops.dilate(ops.negative(coarse), 5));
  const surroundings = ops.enlarge(ops.mean(least, 3), 4);
  return ops.larger(ops.difference(image, surroundings), 0);
}

/**
 * Keeps what is strongest within `reach` pixels of any octave's image, over all octaves, each of
 * which is half as large as the one before; all else becomes 0.
 */
function strongestWithin(
  ops: ImageOperations,
  strengths: readonly Value[],
  reach: number,
): Value[] {
  const reaching = strengths.map((strength) => ops.dilate(strength, reach));
  return strengths.map((strength, own) => {
    const rivals = reaching.map((rival, other) => {
      if (other === own) return rival;
      const ratio = 2 ** Math.abs(other - own);
      return other > own ? ops.enlarge(rival, ratio) : ops.shrinkToMaximum(rival, ratio);
    });
    return ops.choose(ops.isAtLeast(strength, rivals.reduce(ops.larger)), strength, 0);
  });
}

/** (1, 5, anchors) of the level whose cells are 4×4 pixels of the octave. */
function toAnchors(
  graph: GraphBuilder,
  ops: ImageOperations,
  octave: Octave,
  summits: Value,
): Value {
  const { pixelPx, widthPx, heightPx } = octave;
  const xPx = ops.product(ops.columns(summits), pixelPx);
  const yPx = ops.product(ops.rows(summits), pixelPx);
  const score = ops.quotient(summits, ops.sum(summits, middleStrength));
  const isSummit = ops.isAbove(summits, 0);
  const rows = [xPx, yPx, widthPx, heightPx, score].map((row) => ops.choose(isSummit, row, 0));
  return graph.node("Reshape", [ops.shrinkToMaximum(ops.stack(rows), 4), graph.ints([1, 5, -1])]);
}
