import type { OnnxModel, OnnxNode, OnnxTensor } from "../../onnx-nodes.ts";
import { readersOf } from "../../readers.ts";
import { createWeights } from "../../tensor.ts";

/** Where the operator LookUp is, which is `native/kernels/`'s. */
const ownDomain = "orangery";
const microsoft = "com.microsoft";

/** A SiLU in int8 as ONNX Runtime computes it: x · sigmoid(x), each of the two by an operator. */
export interface Silu {
  /** Name of the value that both read. */
  readonly input: string;
  readonly sigmoid: OnnxNode;
  readonly product: OnnxNode;
}

/** Finds the SiLUs of an int8 network that ONNX Runtime has optimised for its CPU provider. */
export function findSilus({ graph }: OnnxModel): Silu[] {
  const known = new Map(graph.initializers.map((tensor) => [tensor.name, tensor]));
  const makers = new Map(graph.nodes.map((node) => [node.outputs[0]!, node]));
  const readers = readersOf(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return graph.nodes.flatMap((product) => {
    if (!isOperator(product, "QLinearMul")) return [];
    const [a = "", , , b = ""] = product.inputs;
    const sigmoid = [a, b]
      .map((name) => makers.get(name))
      .find((maker) => maker !== undefined && isOperator(maker, "QLinearSigmoid"));
    const input = sigmoid?.inputs[0];
    const result = sigmoid?.outputs[0];
    const isOfBoth = [a, b].includes(input ?? "") && [a, b].includes(result ?? "");
    if (sigmoid === undefined || input === undefined || result === undefined) return [];
    if (!isOfBoth || a === b || readers.get(result)?.length !== 1 || outputs.has(result)) return [];
    const areKnown = constantsOf({ input, sigmoid, product }).every((name) =>
      isScalar(known.get(name)),
    );
    return areKnown ? [{ input, sigmoid, product }] : [];
  });
}

/**
 * Creates the network that computes the tables of SiLUs: of `bytes`, uint8 of 256, an output for
 * each, named as the product's. It has the very operators, so the tables have their roundings.
 */
export function createSiluTables(model: OnnxModel, silus: readonly Silu[]): OnnxModel {
  const bytes = "bytes";
  const nodes = silus.flatMap(({ input, sigmoid, product }) =>
    [sigmoid, product].map((node) => ({
      ...node,
      inputs: node.inputs.map((name) => (name === input ? bytes : name)),
    })),
  );
  const read = new Set(silus.flatMap(constantsOf));
  const table = { elementType: "uint8", dims: [256] } as const;
  return {
    ...model,
    graph: {
      name: "tables",
      nodes,
      initializers: model.graph.initializers.filter(({ name }) => read.has(name)),
      inputs: [{ ...table, name: bytes }],
      outputs: silus.map(({ product }) => ({ ...table, name: product.outputs[0]! })),
    },
    metadata: new Map(),
  };
}

/**
 * Replaces SiLUs by the operator LookUp with their tables, which computes the same bytes in a
 * tenth of the time.
 *
 * @param tables 256 bytes for each
 */
export function lookUpSilus(
  model: OnnxModel,
  silus: readonly Silu[],
  tables: readonly Uint8Array[],
): OnnxModel {
  const { nodes, initializers } = model.graph;
  const added: OnnxTensor[] = [];
  const lookUps = new Map<OnnxNode, OnnxNode | undefined>();
  for (const [index, { input, sigmoid, product }] of silus.entries()) {
    const table = createWeights(`${product.outputs[0]}.table`, [256], tables[index]!);
    added.push(table);
    lookUps.set(sigmoid, undefined);
    const inputs = [input, table.name];
    lookUps.set(product, {
      ...product,
      opType: "LookUp",
      domain: ownDomain,
      inputs,
      attributes: {},
    });
  }
  const changed = nodes.flatMap((node) => (lookUps.has(node) ? (lookUps.get(node) ?? []) : node));
  const read = new Set(changed.flatMap(({ inputs }) => inputs));
  const outputs = new Set(model.graph.outputs.map(({ name }) => name));
  const kept = initializers.filter(({ name }) => read.has(name) || outputs.has(name));
  return { ...model, graph: { ...model.graph, nodes: changed, initializers: [...kept, ...added] } };
}

function isOperator({ opType, domain }: OnnxNode, name: string): boolean {
  return opType === name && domain === microsoft;
}

/** The scales and zero points of a SiLU: all that its operators read but values. */
function constantsOf({ input, sigmoid, product }: Silu): string[] {
  const values = new Set([input, sigmoid.outputs[0]!]);
  return [...sigmoid.inputs, ...product.inputs].filter((name) => !values.has(name));
}

/** A scale, or the zero point of unsigned bytes. */
function isScalar(tensor: OnnxTensor | undefined): boolean {
  if (tensor === undefined || tensor.dims.some((extent) => extent !== 1)) return false;
  return tensor.elementType === "float32" || tensor.elementType === "uint8";
}
