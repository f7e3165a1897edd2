import type { OnnxDataType } from "./onnx-data-type.ts";

/**
 * An ONNX model as frozen plain objects. `GraphBuilder` builds one, `serializeModel` turns it into
 * the bytes of an `.onnx` file.
 *
 * The names follow onnx.proto (https://onnx.ai/onnx/api/classes.html), in camel case.
 */
export interface OnnxModel {
  readonly irVersion: number;
  readonly opsetVersion: number;
  readonly producerName: string;
  readonly producerVersion: string;
  readonly graph: OnnxGraph;
  /** `metadata_props`; the order is kept. */
  readonly metadata: ReadonlyMap<string, string>;
}

export interface OnnxGraph {
  readonly name: string;
  /** In an order where every input is produced by an earlier node. */
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  /** Of operators that are not ONNX's own, such as `com.microsoft`; their version is 1. */
  readonly domain?: string | undefined;
  /** Names of values; an empty name leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, OnnxAttribute>>;
}

export type OnnxAttribute =
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "tensor"; readonly value: OnnxTensor }
  | { readonly type: "graph"; readonly value: OnnxGraph }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "ints"; readonly value: readonly number[] };

export interface OnnxTensor {
  readonly name: string;
  readonly elementType: OnnxDataType;
  readonly dims: readonly number[];
  /** The elements, row-major and little-endian. */
  readonly rawData: Uint8Array;
}

export interface ValueInfo {
  readonly name: string;
  readonly elementType: OnnxDataType;
  /** Numbers, and names of sizes that are known only in a run ("?" without a name). */
  readonly dims: readonly (number | string)[];
}
