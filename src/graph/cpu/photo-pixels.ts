import { changeInput, statingPixels } from "../byte-input.ts";
import { constantsOf, isOperator, readersOf, withoutUnread } from "../graph-values.ts";
import { newNode } from "../new-node.ts";
import { ownDomain } from "../onnx/domains.ts";
import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor, ValueInfo } from "../onnx-nodes.ts";
import { floatsOf } from "../onnx-tensor.ts";

/**
 * Makes an int8 network that ONNX Runtime has optimised for its CPU provider take a photo's bytes
 * pixel by pixel, as photos are and as its convolutions read them, where it takes planes of bytes
 * or of float32 that it makes bytes again.
 */
export function readPixels(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const photo = photoOf(graph);
  if (photo === undefined) return model;
  const readers = readersOf(graph);
  const constants = constantsOf(graph);
  const before: OnnxNode[] = [];
  let planes = photo.name;
  if (photo.elementType === "float32") {
    const [quantize, ...more] = readers.get(planes) ?? [];
    if (more.length > 0 || !isOfBytes(quantize, constants)) return model;
    before.push(quantize);
    planes = quantize.outputs[0]!;
  } else if (photo.elementType !== "uint8") return model;
  const turns = readers.get(planes) ?? [];
  if (turns.length === 0 || !turns.every(isTurned)) return model;
  before.push(...turns);
  const pixels = new Set(turns.map(({ outputs }) => outputs[0]!));
  const made = new Set([planes, ...pixels]);
  if (graph.outputs.some(({ name }) => made.has(name))) return model;
  const nodes = graph.nodes
    .filter((node) => !before.includes(node))
    .map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (pixels.has(name) ? photo.name : name)),
    }));
  const [batch, channels, height, width] = photo.dims;
  const dims = [batch!, height!, width!, channels!];
  const inputs = [{ ...photo, elementType: "uint8" as const, dims }];
  return statingPixels(withoutUnread({ ...model, graph: { ...graph, nodes, inputs } }));
}

/**
 * Makes a float32 network take a photo's bytes pixel by pixel, a quarter of the size: an operator
 * of our own divides them by 255 and puts them into planes, exactly as photos are prepared for it
 * otherwise.
 */
export function splitPixels(model: OnnxModel): OnnxModel {
  const photo = photoOf(model.graph);
  if (photo?.elementType !== "float32") return model;
  const [batch, channels, height, width] = photo.dims;
  return statingPixels(
    changeInput(model, "planes", (name, value) => ({
      input: { elementType: "uint8", dims: [batch!, height!, width!, channels!] },
      nodes: [{ ...newNode("PixelsToPlanes", [name], value), domain: ownDomain }],
    })),
  );
}

/** The input of a network that takes one of three planes. */
function photoOf({ inputs: [photo, ...others] }: OnnxGraph): ValueInfo | undefined {
  const isPhoto = photo?.dims.length === 4 && photo.dims[1] === 3;
  return isPhoto && others.length === 0 ? photo : undefined;
}

/** Whether a node gives back the bytes of which float32 from 0 to 1 was made. */
function isOfBytes(
  node: OnnxNode | undefined,
  constants: ReadonlyMap<string, OnnxTensor>,
): node is OnnxNode {
  if (!isOperator(node, "QuantizeLinear")) return false;
  const [, scale, zero] = node.inputs.map((name) => constants.get(name));
  if (scale?.elementType !== "float32" || zero?.elementType !== "uint8") return false;
  const scales = floatsOf(scale);
  if (scales.length !== 1 || zero.rawData.some((byte) => byte !== 0)) return false;
  // Far from halves, so that it does not matter how it is rounded.
  return Math.abs(1 / scales[0]! - 255) < 0.25;
}

/** Whether a node turns (batch, channels, height, width) into (batch, height, width, channels). */
function isTurned(node: OnnxNode): boolean {
  const perm = node.attributes.perm;
  return isOperator(node, "Transpose") && perm?.type === "ints" && perm.value.join() === "0,2,3,1";
}
