import { newNode } from "./new-node.ts";
import { onnxDataTypes } from "./onnx-data-type.ts";
import type { OnnxModel, OnnxNode, ValueInfo } from "./onnx-nodes.ts";
import { createWeights } from "./tensor.ts";

/**
 * Makes a network whose input is float32 from 0 to 1 take a photo's bytes instead: a quarter of
 * what goes to a device. Each byte is divided by 255, once, as it would be before.
 */
export function takeBytes(model: OnnxModel): OnnxModel {
  const white = createWeights("orangery.white", [], Float32Array.of(255));
  const to = { type: "int", value: onnxDataTypes.indexOf("float32") } as const;
  const changed = changeInput(model, "bytes", (name, value) => ({
    input: { elementType: "uint8" },
    nodes: [
      newNode("Cast", [name], `${name}.float32`, { to }),
      newNode("Div", [`${name}.float32`, white.name], value),
    ],
  }));
  const { graph } = changed;
  return { ...changed, graph: { ...graph, initializers: [...graph.initializers, white] } };
}

/**
 * Makes a network whose input is (batch, channels, height, width) take it pixel by pixel, as photos
 * are: (batch, height, width, channels).
 */
export function takePixels(model: OnnxModel): OnnxModel {
  const [batch, channels, height, width] = model.graph.inputs[0]!.dims;
  const perm = { type: "ints", value: [0, 3, 1, 2] } as const;
  return changeInput(model, "planes", (name, value) => ({
    input: { dims: [batch!, height!, width!, channels!] },
    nodes: [newNode("Transpose", [name], value, { perm })],
  }));
}

/** Puts nodes between a network's input and what has read it so far. */
function changeInput(
  model: OnnxModel,
  suffix: string,
  change: (
    name: string,
    value: string,
  ) => { readonly input: Partial<ValueInfo>; readonly nodes: readonly OnnxNode[] },
): OnnxModel {
  const { graph } = model;
  const [info, ...others] = graph.inputs;
  const { name } = info!;
  const value = `${name}.${suffix}`;
  const { input, nodes } = change(name, value);
  const rest = graph.nodes.map((each) => ({
    ...each,
    inputs: each.inputs.map((read) => (read === name ? value : read)),
  }));
  const inputs = [{ ...info!, ...input }, ...others];
  return { ...model, graph: { ...graph, inputs, nodes: [...nodes, ...rest] } };
}
