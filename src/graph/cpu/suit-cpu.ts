import type { OnnxAttribute, OnnxModel } from "../onnx-nodes.ts";
import { multiplyDistributions } from "./multiply-distributions.ts";
import { splitConvolutions } from "./split-convolutions.ts";

/**
 * Rearranges a float32 network as other tools export it, so that ONNX Runtime's CPU provider needs
 * less time for the same numbers. What has another form stays as it is. A YOLO11 of Ultralytics'
 * own export takes 5 (m) to 13 % (n) less; `createYoloModel` builds networks in this form.
 */
export function suitCpu(model: OnnxModel): OnnxModel {
  const { nodes } = model.graph;
  const isGraph = ({ type }: OnnxAttribute) => type === "graph";
  // What an inner graph reads of the outer one is not followed.
  if (nodes.some(({ attributes }) => Object.values(attributes).some(isGraph))) return model;
  return withoutUnread(multiplyDistributions(splitConvolutions(model)));
}

/** Weights that no node reads any more would be reported as a fault of the model. */
function withoutUnread(model: OnnxModel): OnnxModel {
  const { nodes, outputs, initializers } = model.graph;
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map((o) => o.name)]);
  const kept = initializers.filter(({ name }) => read.has(name));
  return { ...model, graph: { ...model.graph, initializers: kept } };
}
