/**
 * The thread that `rearrange` starts: it reads one network, writes another, and ends; the memory
 * that it took goes with it.
 */
import { readFile, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { convolveBlocks } from "../../graph/cpu/float32/convolve-blocks.ts";
import { splitPixels } from "../../graph/cpu/photo-pixels.ts";
import { hasInnerGraphs } from "../../graph/graph-values.ts";
import { serializeSplitModel } from "../../graph/onnx/model-writer.ts";
import { readWholeModel } from "../../graph/onnx/whole-model.ts";
import type { OnnxModel } from "../../graph/onnx-nodes.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { RearrangingRequest } from "./rearrange.ts";
import { suitInt8 } from "./suit-int8.ts";

const { from, to, weightsFile, isQuantized, lanes } = workerData as RearrangingRequest;
const rearranged = await suited(readWholeModel(await readFile(from), { otherDomains: true }));
if (rearranged !== undefined) await write(rearranged);
parentPort!.postMessage(rearranged !== undefined);

async function suited(model: OnnxModel): Promise<OnnxModel | undefined> {
  if (hasInnerGraphs(model)) return undefined;
  if (isQuantized) return await suitInt8(model, onnxRuntime);
  const convolved = lanes > 0 ? convolveBlocks(model, lanes) : undefined;
  return convolved && splitPixels(convolved);
}

async function write(model: OnnxModel): Promise<void> {
  const split = serializeSplitModel(model, basename(weightsFile));
  await writeFile(weightsFile, split.weights);
  await writeFile(to, split.model);
}
