import { constantsOf } from "../../graph-values.ts";
import { newNode } from "../../new-node.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../../onnx-nodes.ts";
import { createIntegers, floatsOf } from "../../onnx-tensor.ts";

/**
 * Replaces each Resize that doubles a picture of (batch, height, width, channels) by joining its
 * pixels and then its lines with themselves: ONNX Runtime copies byte by byte there, and by the
 * pixel and by the line here.
 */
export function repeatPixels(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const constants = constantsOf(graph);
  const added: OnnxTensor[] = [];
  const nodes = graph.nodes.flatMap((node) => {
    if (!isDoubling(node, constants.get(node.inputs[2] ?? ""))) return node;
    const doubled = double(node.inputs[0]!, node.outputs[0]!);
    added.push(...doubled.initializers);
    return doubled.nodes;
  });
  return { ...model, graph: { ...graph, nodes, initializers: [...graph.initializers, ...added] } };
}

function isDoubling({ opType, domain, attributes }: OnnxNode, scales: OnnxTensor | undefined) {
  if (opType !== "Resize" || domain !== undefined || scales?.elementType !== "float32")
    return false;
  const text = (name: string) => {
    const attribute = attributes[name];
    return attribute?.type === "string" ? attribute.value : undefined;
  };
  return (
    text("mode") === "nearest" &&
    text("nearest_mode") === "floor" &&
    text("coordinate_transformation_mode") === "asymmetric" &&
    attributes.axes === undefined &&
    floatsOf(scales).join() === "1,2,2,1"
  );
}

function double(input: string, output: string) {
  const [wide, line, lines] = [`${output}.wide`, `${output}.line`, `${output}.lines`];
  const [shape, size] = [`${output}.shape`, `${output}.size`];
  const toLine = createIntegers(`${output}.toLine`, [0, 0, 1, -1]);
  const factors = createIntegers(`${output}.factors`, [1, 2, 2, 1]);
  const nodes = [
    newNode("Concat", [input, input], wide, { axis: 3 }),
    newNode("Reshape", [wide, toLine.name], line),
    newNode("Concat", [line, line], lines, { axis: 2 }),
    newNode("Shape", [input], shape),
    newNode("Mul", [shape, factors.name], size),
    newNode("Reshape", [lines, size], output),
  ];
  return { nodes, initializers: [toLine, factors] };
}
