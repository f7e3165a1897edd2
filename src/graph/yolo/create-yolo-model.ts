import { OrangeryError } from "../../errors.ts";
import { GraphBuilder } from "../graph-builder.ts";
import { halveModel } from "../half/halve-model.ts";
import type { OnnxModel, ValueInfo } from "../onnx-nodes.ts";
import { anchorCount } from "./emit/emit-anchors.ts";
import { type EmittedNetwork, emitNetwork } from "./emit/emit-network.ts";
import { type InputExtent, type InputSize, maxSidePx } from "./input-size.ts";
import {
  coefficientCount,
  detectOf,
  inputChannels,
  type YoloHead,
  type YoloNetwork,
} from "./modules.ts";
import { type ModelOrigin, toYoloMetadata } from "./yolo-metadata.ts";

type Dim = ValueInfo["dims"][number];

/** The parts and settings of a model. */
export interface YoloModelOptions {
  readonly network: YoloNetwork;
  /**
   * Pixels; a number stands for a square, a pair is height and width. Each must be a multiple of
   * the largest stride, up to {@link maxSidePx}. "dynamic" leaves both free.
   */
  readonly imageSize: number | readonly [heightPx: number, widthPx: number] | "dynamic";
  /** Height and width that the metadata state where `imageSize` is "dynamic". */
  readonly usualSizeHw?: readonly [heightPx: number, widthPx: number];
  /** Pictures in a run, or "dynamic". */
  readonly batch?: number | "dynamic";
  /** Whether it computes in float16, as `halveModel` makes it. Default false. */
  readonly half?: boolean;
  readonly names: readonly string[];
  readonly description: string;
  readonly origin?: ModelOrigin;
}

/**
 * Returns the ONNX model of a network as Ultralytics exports it: input `images` (batch, channels,
 * height, width) of RGB or grey in 0..1, `output0`, and for masks `output1`; see `HeadOutputs`.
 *
 * @throws `INVALID_ARGUMENT` for sizes that the network cannot have, and for a network whose
 *   modules do not fit each other.
 */
export function createYoloModel(options: YoloModelOptions): OnnxModel {
  const { network, batch = 1, half = false } = options;
  if (batch !== "dynamic" && !(Number.isInteger(batch) && batch >= 1)) {
    throw new OrangeryError("INVALID_ARGUMENT", `Expected a batch of 1 or more, got ${batch}.`);
  }
  const stride = largestStride(network);
  const extent = toInputExtent(options.imageSize, stride);
  const size = extent === "dynamic" ? { heightPx: 2 * stride, widthPx: 2 * stride } : extent;
  const graph = new GraphBuilder("yolo");
  const batchDim = batch === "dynamic" ? "batch" : batch;
  const images = graph.input("images", "float32", [
    batchDim,
    inputChannels(network),
    ...imageDims(extent),
  ]);
  const emitted = emitNetwork(graph, network, { pictures: images, size, extent });
  const { detections, prototypes } = outputDimsOf(network, emitted, { size, extent });
  graph.output("output0", emitted.detections, "float32", [batchDim, ...detections]);
  if (emitted.prototypes !== undefined) {
    graph.output("output1", emitted.prototypes.value, "float32", [batchDim, ...prototypes]);
  }
  const model = graph.toModel({ metadata: metadataOf(options, extent) });
  return half ? halveModel(model) : model;
}

/**
 * Returns the number of pixels of which an input's height and width are multiples. It is 32 at
 * least, as in Ultralytics: a network whose head leaves out the coarsest map has it inside.
 */
export function inputStride(network: YoloNetwork): number {
  return Math.max(32, largestStride(network));
}

function largestStride({ head }: YoloNetwork): number {
  return Math.max(...detectOf(head.module).strides);
}

function metadataOf(options: YoloModelOptions, extent: InputExtent): Map<string, string> {
  const { network, usualSizeHw = [640, 640], batch = 1, half = false } = options;
  const head = network.head.module;
  const isFree = extent === "dynamic";
  return toYoloMetadata({
    description: options.description,
    task: head.kind,
    ...(hasFusedProto(head) && { head: "Segment26" }),
    stride: inputStride(network),
    channels: inputChannels(network),
    batch: batch === "dynamic" ? 1 : batch,
    imageSizeHw: isFree ? usualSizeHw : [extent.heightPx, extent.widthPx],
    names: options.names,
    dynamic: isFree,
    half,
    endToEnd: detectOf(head).endToEnd !== undefined,
    ...(options.origin && { origin: options.origin }),
  });
}

function hasFusedProto(head: YoloHead): boolean {
  return head.kind === "segment" && head.proto.kind === "fusedProto";
}

/** Returns the outputs' sizes after the batch; free ones have Ultralytics' names. */
function outputDimsOf(
  network: YoloNetwork,
  { prototypes }: EmittedNetwork,
  { size, extent }: { readonly size: InputSize; readonly extent: InputExtent },
): { readonly detections: Dim[]; readonly prototypes: Dim[] } {
  const { classCount, endToEnd, strides } = detectOf(network.head.module);
  const count = coefficientCount(network.head.module);
  const anchors = anchorCount(size, strides);
  const isFree = extent === "dynamic";
  return {
    detections:
      endToEnd === undefined
        ? [4 + classCount + count, isFree ? "anchors" : anchors]
        : [isFree ? "detections" : Math.min(endToEnd.maxDetections, anchors), 6 + count],
    prototypes: isFree
      ? [count, "mask_height", "mask_width"]
      : [count, prototypes?.rows ?? 0, prototypes?.columns ?? 0],
  };
}

function imageDims(extent: InputExtent): Dim[] {
  return extent === "dynamic" ? ["height", "width"] : [extent.heightPx, extent.widthPx];
}

function toInputExtent(imageSize: YoloModelOptions["imageSize"], stride: number): InputExtent {
  if (imageSize === "dynamic") return imageSize;
  const [heightPx, widthPx] = typeof imageSize === "number" ? [imageSize, imageSize] : imageSize;
  for (const px of [heightPx, widthPx]) {
    if (!Number.isInteger(px) || px < stride || px % stride !== 0 || px > maxSidePx) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected an image size in multiples of ${stride} px up to ${maxSidePx}, ` +
          `got ${heightPx}×${widthPx}.`,
      );
    }
  }
  return { heightPx, widthPx };
}
