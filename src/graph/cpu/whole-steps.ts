import type { OnnxAttribute, OnnxNode } from "../onnx-nodes.ts";

/** By how many pixels a convolution moves, and how many it adds at each side. */
export interface WholeSteps {
  readonly stride: number;
  readonly pad: number;
}

/**
 * Reads the steps of a convolution of all channels, whose taps lie beside each other; undefined for
 * any other, and where the steps differ by the axis or the side.
 */
export function wholeSteps({ attributes }: OnnxNode): WholeSteps | undefined {
  const [stride, pad] = [sameOf(attributes.strides, 1), sameOf(attributes.pads, 0)];
  const isWhole =
    sameOf(attributes.dilations, 1) === 1 &&
    (attributes.group?.value ?? 1) === 1 &&
    (attributes.auto_pad?.value ?? "NOTSET") === "NOTSET";
  return isWhole && stride !== undefined && pad !== undefined ? { stride, pad } : undefined;
}

/** The value that all of an attribute's integers have. */
function sameOf(attribute: OnnxAttribute | undefined, usual: number): number | undefined {
  if (attribute === undefined) return usual;
  if (attribute.type !== "ints") return undefined;
  const [first, ...others] = attribute.value;
  return others.every((value) => value === first) ? first : undefined;
}
