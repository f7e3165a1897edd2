import { readersOf } from "../graph-values.ts";
import type { OnnxModel, OnnxNode } from "../onnx-nodes.ts";

/**
 * Takes the rounding to bytes out of the SiLU behind each convolution of a quantised network: x and
 * sigmoid(x) stay floats, x · sigmoid(x) is bytes as before. OpenVINO computes such a SiLU as the
 * end of its convolution (YOLO11m at 640 × 480, a core with AMX: 87 ms instead of 140). ONNX
 * Runtime's own CPU provider has a SiLU in int8 on bytes only.
 *
 * @param model as `quantizeModel` makes it
 */
export function leaveSiluInFloat(model: OnnxModel): OnnxModel {
  const { nodes } = model.graph;
  const readers = readersOf(model.graph);
  const readersOfOutput = ({ outputs }: OnnxNode) => readers.get(outputs[0]!) ?? [];
  /** What reads a value when its rounding is left out, and the two nodes that round it. */
  const readThroughBytes = (node: OnnxNode) => {
    const [quantize, ...others] = readersOfOutput(node);
    if (quantize?.opType !== "QuantizeLinear" || others.length > 0) return undefined;
    const [dequantize, ...more] = readersOfOutput(quantize);
    if (dequantize?.opType !== "DequantizeLinear" || more.length > 0) return undefined;
    return { rounding: [quantize, dequantize], by: readersOfOutput(dequantize) };
  };

  const leftOut = new Set<OnnxNode>();
  const floats = new Map<string, string>();
  const leaveOut = (node: OnnxNode, rounding: readonly OnnxNode[]) => {
    for (const each of rounding) leftOut.add(each);
    floats.set(rounding.at(-1)!.outputs[0]!, node.outputs[0]!);
  };
  for (const node of nodes) {
    if (node.opType !== "Conv") continue;
    const x = readThroughBytes(node);
    const sigmoid = x?.by.find(({ opType }) => opType === "Sigmoid");
    const product = x?.by.find(({ opType }) => opType === "Mul");
    const activated = sigmoid && readThroughBytes(sigmoid);
    if (x?.by.length !== 2 || activated?.by.length !== 1 || activated.by[0] !== product) continue;
    leaveOut(node, x.rounding);
    leaveOut(sigmoid!, activated.rounding);
  }
  const kept = nodes.flatMap((node) =>
    leftOut.has(node)
      ? []
      : { ...node, inputs: node.inputs.map((name) => floats.get(name) ?? name) },
  );
  return { ...model, graph: { ...model.graph, nodes: kept } };
}
