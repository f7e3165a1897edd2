import { elementTypes } from "../element-type.ts";
import { float, GraphBuilder, type Value } from "../graph-builder.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import { toYoloMetadata } from "../yolo/yolo-metadata.ts";
import { type ImageOperations, imageOperations } from "./image-operations.ts";

const E = (k: string, d: number) => Number(process.env[k] ?? d);
const maxBeds = 32;
const edgeThreshold = E("EDGE", 0.33);
const coreRadius = 2;

export function buildBedSegmenter(): OnnxModel {
  const graph = new GraphBuilder("beds");
  const images = graph.input("images", "float32", [1, 3, "height", "width"]);
  const ops = imageOperations(graph);
  const n = graph.node.bind(graph);
  const toFloat = (x: Value) => n("Cast", [x], { to: elementTypes.indexOf("float32") });
  const not = (x: Value) => ops.difference(1, x);

  const half = ops.shrink(images, 2);
  const brightness = n("ReduceMax", [half], { axes: [1], keepdims: 1 });
  const light = n("Log", [ops.sum(brightness, 0.03)]);
  const offGrey = n("ReduceMax", [n("Abs", [ops.difference(half, 114 / 255)])], { axes: [1], keepdims: 1 });
  const lines = (axis: number) => n("Less", [n("ReduceMax", [offGrey], { axes: [axis], keepdims: 1 }), 0.5 / 255]);
  const padding = ops.dilate(toFloat(n("Or", [lines(2), lines(3)])), 1);
  const photo = n("Less", [padding, 0.5]);
  const brightest = ops.dilate(ops.choose(photo, light, -9), 1);
  const darkest = ops.dilate(ops.choose(photo, n("Neg", [light]), -9), 1);
  const contrast = ops.sum(brightest, darkest);
  const passableAt = (size: number) => toFloat(n("Less", [ops.shrinkToMaximum(contrast, size), edgeThreshold]));
  const passable8 = passableAt(4);
  const passable4 = passableAt(2);

  // water from the border
  const zeros = ops.product(passable8, 0);
  const inner = n("Pad", [n("Slice", [n("Add",[zeros,1]), graph.ints([1, 1]), graph.ints([-1, -1]), graph.ints([2, 3])]), graph.ints([0, 0, 1, 1, 0, 0, 1, 1])], {});
  const border = ops.product(ops.difference(1, inner), passable8);
  const flood = (o: ImageOperations, g: GraphBuilder, x: Value, pass: Value) =>
    o.product(
      o.larger(
        g.node("MaxPool", [x], { kernel_shape: [1, 3], pads: [0, 1, 0, 1] }),
        g.node("MaxPool", [x], { kernel_shape: [3, 1], pads: [1, 0, 1, 0] }),
      ),
      pass,
    );
  const outside8 = untilStable(graph, border, (g, x) => { const o = imageOperations(g); let y = x; for (let i = 0; i < E("UNROLL",8); i++) y = flood(o, g, y, passable8); return y; });
  const closed8 = not(outside8);
  let outside4 = ops.enlarge(outside8, 2);
  for (let i = 0; i < 3; i++) outside4 = flood(ops, graph, outside4, passable4);
  // labels
  const core = not(ops.dilate(outside8, coreRadius));
  const columns8 = ops.columns(closed8), rows8 = ops.rows(closed8);
  const identity = ops.sum(ops.product(rows8, 4096), columns8);
  const labels = untilStable(graph, ops.product(core, identity), (g, x) => { const o = imageOperations(g); let y = x; for (let i = 0; i < E("UNROLL",8); i++) y = o.product(o.dilate(y, 1), closed8); return y; });
  const own = ops.product(toFloat(ops.equal(labels, identity)), identity);
  const [top] = graph.nodes("TopK", [n("Reshape", [own, graph.ints([1, -1])]), graph.ints([maxBeds])], { outputCount: 2 });
  const ids = n("Reshape", [top!, graph.ints([1, maxBeds, 1, 1])]);
  const exists = n("Greater", [ids, 0]);
  const member = ops.both(ops.equal(labels, ids), exists); // 1,32,h8,w8
  const memberF = toFloat(member);
  const reduceMax = (x: Value) => n("ReduceMax", [x], { axes: [2, 3], keepdims: 1 });
  const total = (x: Value) => n("ReduceSum", [x, graph.ints([2, 3])], { keepdims: 1 });
  const farthest = (coord: Value) => reduceMax(ops.choose(member, coord, -1e6));
  const right = ops.sum(farthest(columns8), 0.5), bottom = ops.sum(farthest(rows8), 0.5);
  const left = ops.difference(n("Neg", [farthest(n("Neg", [columns8]))]), 0.5), upper = ops.difference(n("Neg", [farthest(n("Neg", [rows8]))]), 0.5);
  const width = ops.difference(right, left), height = ops.difference(bottom, upper);
  const area = ops.larger(total(memberF), 1);
  const light8 = ops.shrink(light, 4);
  const lightIn = ops.quotient(total(ops.product(memberF, light8)), area);
  const lightOut = ops.quotient(total(ops.product(outside8, light8)), ops.larger(total(outside8), 1));
  const darkness = ops.clamp(ops.product(ops.difference(1, n("Exp", [ops.difference(lightIn, lightOut)])), 4), 0, 1);
  const fill = ops.quotient(area, ops.product(width, height));
  const score = ops.product(fill, darkness);
  const cx = ops.product(ops.sum(left, right), 4), cy = ops.product(ops.sum(upper, bottom), 4);
  const values = [cx, cy, ops.product(width, 8), ops.product(height, 8), score].map((v) => ops.choose(exists, v, 0)).map((v) => n("Reshape", [v, graph.ints([1, 1, maxBeds])]));
  const coefficients = graph.floats(Array.from({ length: maxBeds * maxBeds }, (_, i) => (i % (maxBeds + 1) === 0 ? 1 : 0)), [1, maxBeds, maxBeds]);
  const rowsOf = n("Concat", [...values, coefficients], { axis: 1 }); // 1,37,32
  const cells32 = ops.shrinkToMaximum(closed8, 4);
  const inCell = (coord: Value, centres: Value) => n("Equal", [n("Floor", [n("Div", [coord, 32])]), n("Floor", [centres])]);
  const at = toFloat(ops.both(ops.both(inCell(cx, ops.columns(cells32)), inCell(cy, ops.rows(cells32))), exists));
  const cells = n("Reshape", [at, graph.ints([1, maxBeds, -1])]);
  const level = n("MatMul", [rowsOf, cells]);
  const count = n("Mul", [n("Shape", [cells], { start: 2 }), graph.ints([20])]);
  const pads = n("Concat", [graph.ints([0, 0]), count, graph.ints([0, 0, 0])], { axis: 0 });
  graph.output("output0", n("Pad", [level, pads]), "float32", [1, 5 + maxBeds, "anchors"]);
  const R = E("R", 2);
  const soft = ops.difference(
    n("AveragePool", [not(outside4)], { kernel_shape: [2 * R + 1, 2 * R + 1], pads: [R, R, R, R], count_include_pad: 0 }),
    E("CUT", 0.7),
  );
  const member4 = ops.enlarge(ops.dilate(memberF, 1), 2);
  graph.output("output1", ops.choose(n("Greater", [member4, 0]), soft, -0.7), "float32", [1, maxBeds, "height/4", "width/4"]);
  if (process.env.DEBUG) { graph.output("outside8", outside8, "float32", [1, 1, "a", "b"]); graph.output("labels", labels, "float32", [1, 1, "a", "b"]); graph.output("outside4", outside4, "float32", [1, 1, "a4", "b4"]); }
  return graph.toModel({
    metadata: toYoloMetadata({ description: "Beds", task: "segment", stride: 32, imageSizeHw: [1280, 1280], names: ["bed"], dynamic: true }),
  });
}

function untilStable(graph: GraphBuilder, start: Value, step: (g: GraphBuilder, x: Value) => Value): Value {
  const name = graph.scopedName(`loop${start}`);
  const body = new GraphBuilder(name);
  return body.scope(name, () => {
    body.input(`${name}.i`, "int64", []);
    body.input(`${name}.go`, "bool", []);
    const x = body.input(`${name}.x`, "float32", [1, 1, "h", "w"]);
    const y = step(body, x);
    const change = body.node("ReduceMax", [body.node("Abs", [body.node("Sub", [y, x])])], { keepdims: 0 });
    body.output(`${name}.goOn`, body.node("Greater", [change, 0]), "bool", []);
    body.output(`${name}.y`, y, "float32", [1, 1, "h", "w"]);
    const yes = graph.node("Cast", [graph.ints([1], [])], { to: elementTypes.indexOf("bool") });
    return graph.node("Loop", ["", yes, start], { body: body.toGraph() });
  });
}
