import type { OnnxGraph, OnnxModel, OnnxNode, OnnxTensor } from "./onnx-nodes.ts";

/** Returns the constants of a graph by their names. */
export function constantsOf({ initializers }: OnnxGraph): ReadonlyMap<string, OnnxTensor> {
  return new Map(initializers.map((tensor) => [tensor.name, tensor]));
}

/** Returns the node that makes each value, by the value's name. */
export function makersOf({ nodes }: OnnxGraph): ReadonlyMap<string, OnnxNode> {
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

/** Returns the names of a graph's outputs. */
export function outputNamesOf({ outputs }: OnnxGraph): ReadonlySet<string> {
  return new Set(outputs.map(({ name }) => name));
}

/** Whether nodes have subgraphs, whose reads of outer values are not followed. */
export function hasInnerGraphs({ graph }: OnnxModel): boolean {
  return graph.nodes.some(hasInnerGraph);
}

/** Whether a node has a subgraph, such as the body of a loop. */
export function hasInnerGraph({ attributes }: OnnxNode): boolean {
  return Object.values(attributes).some(({ type }) => type === "graph");
}

/** ONNX Runtime would report unread weights as a fault of the model. */
export function withoutUnread(model: OnnxModel): OnnxModel {
  const { nodes, outputs, initializers } = model.graph;
  const read = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map((o) => o.name)]);
  const kept = initializers.filter(({ name }) => read.has(name));
  return { ...model, graph: { ...model.graph, initializers: kept } };
}
