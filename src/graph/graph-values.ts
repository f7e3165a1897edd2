import type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "./onnx-nodes.ts";

/** Returns the constants of a graph by their names. */
export function constantsOf({
  initializers,
}: Pick<OnnxGraph, "initializers">): ReadonlyMap<string, OnnxTensor> {
  return new Map(initializers.map((tensor) => [tensor.name, tensor]));
}

/** Returns the node that makes each value, by the value's name. */
export function makersOf({ nodes }: Pick<OnnxGraph, "nodes">): ReadonlyMap<string, OnnxNode> {
  return new Map(nodes.flatMap((node) => node.outputs.map((name) => [name, node])));
}

/** Returns the nodes that read each value, by its name. */
export function readersOf({ nodes }: OnnxGraph): ReadonlyMap<string, readonly OnnxNode[]> {
  const readers = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of node.inputs) {
      const known = readers.get(name);
      if (known === undefined) readers.set(name, [node]);
      else known.push(node);
    }
  }
  return readers;
}

/** Whether a node is an operator of a domain. Default: one of ONNX's own. */
export function isOperator(
  node: OnnxNode | undefined,
  opType: string,
  domain?: string,
): node is OnnxNode {
  return node?.opType === opType && node.domain === domain;
}

/** Whether nodes have subgraphs, whose reads of outer values are not followed. */
export function hasInnerGraphs({ graph }: OnnxModel): boolean {
  const isGraph = ({ type }: OnnxAttribute) => type === "graph";
  return graph.nodes.some(({ attributes }) => Object.values(attributes).some(isGraph));
}

/** ONNX Runtime would report unread weights as a fault of the model. */
export function withoutUnread(model: OnnxModel): OnnxModel {
  const { nodes, outputs, initializers } = model.graph;
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map((o) => o.name)]);
  const kept = initializers.filter(({ name }) => read.has(name));
  return { ...model, graph: { ...model.graph, initializers: kept } };
}
