import { constantsOf, outputNamesOf, readersOf } from "../graph-values.ts";
import { newNode } from "../new-node.ts";
import type { OnnxModel, OnnxNode, OnnxTensor } from "../onnx-nodes.ts";
import { createWeights, floatsOf, hasFloats } from "../onnx-tensor.ts";

/**
 * Computes the means of a head's distributions (distribution focal loss, Li et al. 2020) with the
 * bins last, by a product with their column: a softmax over an axis before the anchors and a
 * convolution of one output take five times as long.
 */
export function multiplyDistributions(model: OnnxModel): OnnxModel {
  // Before, Softmax took all axes from its own on.
  if (model.opsetVersion < 13) return model;
  const { graph } = model;
  const readers = readersOf(graph);
  const outputs = outputNamesOf(graph);
  const weights = constantsOf(graph);
  const replaced = new Map<OnnxNode, readonly OnnxNode[]>();
  const initializers: OnnxTensor[] = [];
  for (const softmax of graph.nodes) {
    if (softmax.opType !== "Softmax" || softmax.attributes.axis?.value !== 1) continue;
    const [probabilities = ""] = softmax.outputs;
    const [conv, ...others] = readers.get(probabilities) ?? [];
    if (conv?.opType !== "Conv" || others.length > 0 || outputs.has(probabilities)) continue;
    if (conv.inputs.length !== 2) continue;
    const bins = binsOf(weights.get(conv.inputs[1]!));
    if (bins === undefined) continue;
    const column = createWeights(`${conv.inputs[1]}.column`, [bins.length, 1], bins);
    initializers.push(column);
    const [logits = ""] = softmax.inputs;
    const [mean = ""] = conv.outputs;
    replaced.set(softmax, []);
    // (batch, bins, 4, anchors) to (batch, 4, anchors, bins), and to (batch, 1, 4, anchors).
    replaced.set(conv, [
      newNode("Transpose", [logits], `${logits}.last`, { perm: [0, 2, 3, 1] }),
      newNode("Softmax", [`${logits}.last`], probabilities, { axis: 3 }),
      newNode("MatMul", [probabilities, column.name], `${mean}.last`),
      newNode("Transpose", [`${mean}.last`], mean, { perm: [0, 3, 1, 2] }),
    ]);
  }
  const nodes = graph.nodes.flatMap((node) => replaced.get(node) ?? node);
  const all = [...graph.initializers, ...initializers];
  return { ...model, graph: { ...graph, nodes, initializers: all } };
}

/** The weights of a 1 × 1 convolution to one channel; undefined for any other. */
function binsOf(tensor: OnnxTensor | undefined): Float32Array | undefined {
  const [, bins = 0] = tensor?.dims ?? [];
  const isMean = bins > 1 && hasFloats(tensor, [1, bins, 1, 1]);
  return isMean ? floatsOf(tensor!) : undefined;
}
