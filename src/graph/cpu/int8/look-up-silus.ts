import {
  constantsOf,
  isOperator,
  makersOf,
  outputNamesOf,
  readersOf,
  withoutUnread,
} from "../../graph-values.ts";
import { microsoftDomain, ownDomain } from "../../onnx/domains.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../../onnx-nodes.ts";
import { createWeights } from "../../onnx-tensor.ts";

/** A SiLU in int8 as ONNX Runtime computes it: x · sigmoid(x), each of the two by an operator. */
export interface Silu {
  /** Name of the value that both read. */
  readonly input: string;
  readonly sigmoid: OnnxNode;
  readonly product: OnnxNode;
}

/** Finds the SiLUs of an int8 network that ONNX Runtime has optimised for its CPU provider. */
export function findSilus({ graph }: OnnxModel): Silu[] {
  const constants = constantsOf(graph);
  const makers = makersOf(graph);
  const readers = readersOf(graph);
  const outputs = outputNamesOf(graph);
  return graph.nodes.flatMap((product) => {
    if (!isOperator(product, "QLinearMul", microsoftDomain)) return [];
    const [a = "", , , b = ""] = product.inputs;
    const sigmoid = [a, b]
      .map((name) => makers.get(name))
      .find((maker) => isOperator(maker, "QLinearSigmoid", microsoftDomain));
    if (sigmoid === undefined) return [];
    const [input = ""] = sigmoid.inputs;
    const [result = ""] = sigmoid.outputs;
    const isOfBoth = [a, b].includes(input) && [a, b].includes(result);
    if (!isOfBoth || readers.get(result)?.length !== 1 || outputs.has(result)) return [];
    const areKnown = scalesOf({ input, sigmoid, product }).every((name) =>
      isScalar(constants.get(name)),
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
  const read = new Set(silus.flatMap(scalesOf));
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
  const { graph } = model;
  const sigmoids = new Set(silus.map(({ sigmoid }) => sigmoid));
  const lookUps = new Map(silus.map((silu) => [silu.product, toLookUp(silu)]));
  const nodes = graph.nodes
    .filter((node) => !sigmoids.has(node))
    .map((node) => lookUps.get(node) ?? node);
  const added = silus.map(({ product }, i) => createWeights(tableOf(product), [256], tables[i]!));
  const initializers = [...graph.initializers, ...added];
  return withoutUnread({ ...model, graph: { ...graph, nodes, initializers } });
}

function toLookUp({ input, product }: Silu): OnnxNode {
  const inputs = [input, tableOf(product)];
  return { ...product, opType: "LookUp", domain: ownDomain, inputs, attributes: {} };
}

function tableOf({ outputs: [output] }: OnnxNode): string {
  return `${output}.table`;
}

/** The scales and zero points of a SiLU: all that its operators read but values. */
function scalesOf({ input, sigmoid, product }: Silu): string[] {
  const values = new Set([input, sigmoid.outputs[0]!]);
  return [...sigmoid.inputs, ...product.inputs].filter((name) => !values.has(name));
}

/** A scale, or the zero point of unsigned bytes. */
function isScalar(tensor: OnnxTensor | undefined): boolean {
  if (tensor === undefined || tensor.dims.some((extent) => extent !== 1)) return false;
  return tensor.elementType === "float32" || tensor.elementType === "uint8";
}
