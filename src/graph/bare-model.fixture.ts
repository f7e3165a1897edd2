import type { OnnxGraph, OnnxModel } from "./onnx-nodes.ts";

/** A model of nothing but a graph. */
export function bareModel(graph: Omit<OnnxGraph, "name">): OnnxModel {
  return {
    irVersion: 8,
    opsetVersion: 17,
    producerName: "",
    producerVersion: "",
    metadata: new Map(),
    graph: { name: "test", ...graph },
  };
}
