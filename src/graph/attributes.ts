import { OrangeryError } from "../errors.ts";
import type { OnnxAttribute, OnnxGraph, OnnxNode, OnnxTensor } from "./onnx-nodes.ts";

/**
 * Attributes of a node by name, in short form: numbers are integers, as most ONNX attributes are;
 * a float is `float(0.5)`. Undefined ones are left out.
 */
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

type AttributeValue = number | readonly number[] | string | OnnxTensor | OnnxGraph | OnnxAttribute;

/** A float attribute, as in `{ alpha: float(1) }`. */
export function float(value: number): OnnxAttribute {
  return Object.freeze({ type: "float", value });
}

/** Converts attributes to ONNX. @throws `INVALID_ARGUMENT` for a plain number that is no integer */
export function toOnnxAttributes(opType: string, attributes: Attributes): OnnxNode["attributes"] {
  const frozen: Record<string, OnnxAttribute> = {};
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    frozen[name] = Object.freeze(toOnnxAttribute(`${opType}.${name}`, value));
  }
  return Object.freeze(frozen);
}

function toOnnxAttribute(where: string, value: AttributeValue): OnnxAttribute {
  if (typeof value === "string") return { type: "string", value };
  if (typeof value === "number") return { type: "int", value: integer(where, value) };
  if (isList(value)) {
    return { type: "ints", value: Object.freeze(value.map((item) => integer(where, item))) };
  }
  if ("type" in value) return value;
  return "nodes" in value ? { type: "graph", value } : { type: "tensor", value };
}

function isList(value: AttributeValue): value is readonly number[] {
  return Array.isArray(value);
}

function integer(where: string, value: number): number {
  if (Number.isSafeInteger(value)) return value;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected an integer for attribute ${where}, got ${value}; write float(${value}) for a float.`,
  );
}
