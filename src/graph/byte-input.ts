import { onnxDataTypes } from "./onnx-data-type.ts";
import type { OnnxModel } from "./onnx-nodes.ts";
import { createWeights } from "./tensor.ts";

/**
 * Makes a network whose input is float32 from 0 to 1 take a photo's bytes instead: a quarter of
 * what goes to a device. Each byte is divided by 255, once, as it would be before.
 */
export function takeBytes(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const [input] = graph.inputs;
  const white = createWeights("orangery.white", [], Float32Array.of(255));
  const floats = `${input!.name}.float32`;
  const to = { type: "int", value: onnxDataTypes.indexOf("float32") } as const;
  const cast = {
    name: floats,
    opType: "Cast",
    inputs: [input!.name],
    outputs: [floats],
    attributes: { to },
  };
  const scaled = `${input!.name}.scaled`;
  const divide = {
    name: scaled,
    opType: "Div",
    inputs: [floats, white.name],
    outputs: [scaled],
    attributes: {},
  };
  const rest = graph.nodes.map((node) => ({
    ...node,
    inputs: node.inputs.map((name) => (name === input!.name ? scaled : name)),
  }));
  return {
    ...model,
    graph: {
      ...graph,
      inputs: [{ ...input!, elementType: "uint8" }],
      nodes: [cast, divide, ...rest],
      initializers: [...graph.initializers, white],
    },
  };
}
