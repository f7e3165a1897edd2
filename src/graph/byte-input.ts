import { newNode } from "./new-node.ts";
import { onnxDataTypes } from "./onnx-data-type.ts";
import type { OnnxModel, OnnxNode, OnnxTensor, ValueInfo } from "./onnx-nodes.ts";
import { createWeights } from "./onnx-tensor.ts";

/** The key of the metadata that say how the input is laid out, where it is not in planes. */
export const inputKey = "orangery.input";

/** What the axes of an input are, in each layout. */
export const inputAxes = {
  planes: ["batch", "channels", "height", "width"],
  pixels: ["batch", "height", "width", "channels"],
} as const;

type Layout = keyof typeof inputAxes;

/** Returns how the input of a network with these metadata is laid out. */
export function inputLayoutOf(metadata: ReadonlyMap<string, string>): Layout {
  return metadata.get(inputKey) === "pixels" ? "pixels" : "planes";
}

/** Returns the extent of an axis of an input. */
export function inputExtent<T>(
  shape: readonly T[],
  layout: Layout,
  axis: (typeof inputAxes)[Layout][number],
): T | undefined {
  return shape[inputAxes[layout].indexOf(axis)];
}

/**
 * Makes a network whose input is float32 from 0 to 1 take a photo's bytes instead, a quarter of the
 * transfer to a device. Each byte is divided by 255, exactly as before.
 */
export function takeBytes(model: OnnxModel): OnnxModel {
  const white = createWeights("orangery.white", [], Float32Array.of(255));
  const to = onnxDataTypes.indexOf("float32");
  return changeInput(model, "bytes", (name, value) => ({
    input: { elementType: "uint8" },
    nodes: [
      newNode("Cast", [name], `${name}.float32`, { to }),
      newNode("Div", [`${name}.float32`, white.name], value),
    ],
    initializers: [white],
  }));
}

/**
 * Makes a network whose input is (batch, channels, height, width) take it pixel by pixel, as photos
 * are: (batch, height, width, channels).
 */
export function takePixels(model: OnnxModel): OnnxModel {
  const [batch, channels, height, width] = model.graph.inputs[0]!.dims;
  return statingPixels(
    changeInput(model, "planes", (name, value) => ({
      input: { dims: [batch!, height!, width!, channels!] },
      nodes: [newNode("Transpose", [name], value, { perm: [0, 3, 1, 2] })],
    })),
  );
}

/** Adds to the metadata that the input comes pixel by pixel. */
export function statingPixels(model: OnnxModel): OnnxModel {
  return { ...model, metadata: new Map([...model.metadata, [inputKey, "pixels"]]) };
}

/** The nodes between an input and its readers. */
export interface InputChange {
  /** The new type and shape of the input. Default: unchanged. */
  readonly input?: Partial<ValueInfo>;
  readonly nodes: readonly OnnxNode[];
  readonly initializers?: readonly OnnxTensor[];
}

/** Inserts nodes that compute `value` between a network's input and its readers. */
export function changeInput(
  model: OnnxModel,
  suffix: string,
  change: (name: string, value: string) => InputChange,
): OnnxModel {
  const { graph } = model;
  const [info, ...others] = graph.inputs;
  const { name } = info!;
  const value = `${name}.${suffix}`;
  const { input, nodes, initializers = [] } = change(name, value);
  const rest = graph.nodes.map((each) => ({
    ...each,
    inputs: each.inputs.map((read) => (read === name ? value : read)),
  }));
  return {
    ...model,
    graph: {
      ...graph,
      inputs: [{ ...info!, ...input }, ...others],
      nodes: [...nodes, ...rest],
      initializers: [...graph.initializers, ...initializers],
    },
  };
}
