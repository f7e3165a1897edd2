import type { OnnxGraph } from "../onnx-nodes.ts";

/** The operators of `native/kernels/`. */
export const ownDomain = "orangery";
/** What ONNX Runtime makes of several operators. */
export const microsoftDomain = "com.microsoft";
/** Operators of ONNX Runtime's CPU provider on channels in blocks. */
export const blockedDomain = "com.microsoft.nchwc";

/** Returns the domains of a graph's operators that are not ONNX's own, inner graphs included. */
export function domainsOf({ nodes }: OnnxGraph): Set<string> {
  const domains = new Set<string>();
  for (const { domain, attributes } of nodes) {
    if (domain !== undefined) domains.add(domain);
    for (const attribute of Object.values(attributes)) {
      if (attribute.type !== "graph") continue;
      for (const inner of domainsOf(attribute.value)) domains.add(inner);
    }
  }
  return domains;
}
