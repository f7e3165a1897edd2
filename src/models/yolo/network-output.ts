import { EventLoopTurns } from "../../base/event-loop-turns.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Tensor } from "../../native/runtime.ts";
import { scaleBoxes } from "../../vision/boxes/boxes.ts";
import {
  bestClassExtras,
  type Candidates,
  endToEndExtras,
  isFull,
  objectnessExtras,
  rawExtras,
  selectBestClass,
  selectCandidates,
  selectEndToEnd,
  selectObjectness,
} from "../../vision/boxes/candidates.ts";
import { nms } from "../../vision/boxes/nms.ts";
import { Detections } from "../../vision/detections.ts";
import type { Letterbox } from "../../vision/letterbox/plan-letterbox.ts";
import type { Mask } from "../../vision/masks/mask.ts";
import {
  masksFromPrototypes,
  planInputMasks,
  planPhotoMasks,
} from "../../vision/masks/prototypes.ts";
import type { NetworkSignature, Precision } from "./network-signature.ts";
import type { CheckedPredictOptions } from "./predict-options.ts";

export interface NetworkOutput {
  readonly network: NetworkSignature;
  /** The network's outputs, by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Which picture of the batch. Default the first. */
  readonly index?: number;
  readonly plan: Letterbox;
  readonly options: CheckedPredictOptions;
}

export interface FoundObjects {
  readonly detections: Detections;
  /** Whether there may be more than `maxDetections` let through. */
  readonly reachedMaxDetections: boolean;
  /** Whether all that an end-to-end network can return is above the confidence. */
  readonly reachedNetworkLimit: boolean;
}

/** Turns the outputs of a network into detections on the photo. */
export async function readDetections(output: NetworkOutput): Promise<FoundObjects> {
  try {
    return await read(output);
  } catch (error) {
    if (!isOrangeryError(error, "INFERENCE_NOT_FINITE")) throw error;
    // What to do depends on what the network computes in.
    const { precision } = output.network;
    const { code, message, details } = error;
    const text = `${message} ${adviceOf[precision]}`;
    throw new OrangeryError(code, text, { details: { ...details, precision } });
  }
}

async function read(output: NetworkOutput): Promise<FoundObjects> {
  const { network, plan, options } = output;
  const selected = selectDetections(output);
  const { boxesXyxy, scores, classIds, coefficients, reachedNetworkLimit = false } = selected;
  const all = new Detections({
    boxesXyxy: scaleBoxes(boxesXyxy, plan),
    scores,
    classIds,
    names: network.names,
  });
  // Those that are dropped for their masks had taken the places of others.
  const reachedMaxDetections = scores.length >= options.maxDetections;
  const reached = { reachedMaxDetections, reachedNetworkLimit };
  if (network.task !== "segment") return { detections: all, ...reached };

  const masks = await readMasks(output, {
    coefficients,
    boxesXyxy: options.maskSize === "input" ? boxesXyxy : all.boxesXyxy,
  });
  // Like the reference, drop what has a box but not one pixel of mask. Masks that nobody asked for
  // are read, too: what is found must not depend on what is shown.
  const kept = [...masks.keys()].filter((index) => masks[index] !== undefined);
  const { boxesXyxy: keptBoxes, scores: keptScores, classIds: keptIds } = all.select(kept);
  const detections = new Detections({
    boxesXyxy: keptBoxes,
    scores: keptScores,
    classIds: keptIds,
    names: network.names,
    masks: options.maskSize === "none" ? undefined : kept.map((index) => masks[index]!),
  });
  return { detections, ...reached };
}

const inFloat32 = "Use the model in float32, or another device.";

const adviceOf: { readonly [precision in Precision]: string } = {
  float32:
    "Use another device. If that does not help, its weights are damaged: use another checkpoint.",
  float16: `It computes in float16, which has no numbers above 65,504. ${inFloat32}`,
  int8: `It computes in int8. ${inFloat32}`,
};

interface Selected {
  /** In input pixels. */
  readonly boxesXyxy: Float32Array;
  readonly scores: Float32Array;
  readonly classIds: Int32Array;
  /** `coefficientCount` a detection. */
  readonly coefficients: Float32Array;
  readonly reachedNetworkLimit?: boolean;
}

function selectDetections({ network, outputs, index, options }: NetworkOutput): Selected {
  const output = outputs[network.outputNames[0]!]!;
  const data = valuesOf(output, index);
  const [, rows, columns] = output.shape as [number, number, number];
  if (network.head === "end-to-end") {
    const head = { data, rowCount: rows, rowLength: columns };
    const candidates = selectEndToEnd(head, options);
    const coefficients = endToEndExtras(head, candidates.sourceIds);
    return { ...candidates, coefficients, reachedNetworkLimit: isFull(head, options) };
  }
  const classCount = network.names.length;
  if (network.head === "raw") {
    const head = { data, channelCount: rows, anchorCount: columns, classCount };
    const kept = suppress(selectCandidates(head, options), options);
    return { ...kept, coefficients: rawExtras(head, kept.sourceIds) };
  }
  if (network.head === "best-class") {
    const head = { data, channelCount: rows, anchorCount: columns, classCount };
    const kept = suppress(selectBestClass(head, options), options);
    return { ...kept, coefficients: bestClassExtras(head, kept.sourceIds) };
  }
  const isClassScored = network.head === "objectness";
  const head = { data, rowCount: rows, rowLength: columns, classCount, isClassScored };
  const kept = suppress(selectObjectness(head, options), options);
  return { ...kept, coefficients: objectnessExtras(head, kept.sourceIds) };
}

function suppress(candidates: Candidates, options: CheckedPredictOptions): Candidates {
  const indices = nms(candidates, options);
  const boxesXyxy = new Float32Array(4 * indices.length);
  indices.forEach((from, to) => {
    boxesXyxy.set(candidates.boxesXyxy.subarray(4 * from, 4 * from + 4), 4 * to);
  });
  return {
    boxesXyxy,
    scores: Float32Array.from(indices, (index) => candidates.scores[index]!),
    classIds: Int32Array.from(indices, (index) => candidates.classIds[index]!),
    sourceIds: Int32Array.from(indices, (index) => candidates.sourceIds[index]!),
  };
}

async function readMasks(
  { network, outputs, index, plan, options }: NetworkOutput,
  { coefficients, boxesXyxy }: { coefficients: Float32Array; boxesXyxy: Float32Array },
): Promise<(Mask | undefined)[]> {
  const output = outputs[network.outputNames[1]!]!;
  const [, count, height, width] = output.shape as [number, number, number, number];
  const prototypes = { data: valuesOf(output, index), count, width, height };
  const maskPlan = (options.maskSize === "input" ? planInputMasks : planPhotoMasks)(
    plan,
    prototypes,
  );
  const masks: (Mask | undefined)[] = [];
  const turns = new EventLoopTurns();
  for (let box = 0; box < boxesXyxy.length / 4; box++) {
    await turns.give();
    const [mask] = masksFromPrototypes({
      prototypes,
      coefficients: coefficients.subarray(box * count, (box + 1) * count),
      boxesXyxy: boxesXyxy.subarray(4 * box, 4 * box + 4),
      plan: maskPlan,
    });
    masks.push(mask);
  }
  return masks;
}

/** The values of one picture of the batch. */
function valuesOf({ data, shape }: Tensor, index = 0): Float32Array {
  const length = data.length / shape[0]!;
  const values = (data as Float32Array | Float16Array).subarray(
    index * length,
    (index + 1) * length,
  );
  return values instanceof Float32Array ? values : Float32Array.from(values);
}
