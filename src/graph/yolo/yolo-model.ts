import { OrangeryError } from "../../errors.ts";
import { GraphBuilder, type Value } from "../graph-builder.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import { emitDetect, emitSegment, type InputSize } from "./emit-head.ts";
import { emitModule } from "./emit-module.ts";
import type { YoloNetwork } from "./modules.ts";
import { toYoloMetadata } from "./yolo-metadata.ts";

/**
 * The ONNX model of a network for one image size, as Ultralytics exports it: input `images`
 * (1, 3, height, width) of RGB in 0..1, raw `output0`, and for masks `output1`.
 *
 * @param imageSize - Pixels; a number stands for a square, a pair is height and width. Each must
 * be a multiple of the largest stride (INVALID_ARGUMENT).
 */
export function createYoloModel(options: {
  readonly network: YoloNetwork;
  readonly imageSize: number | readonly [heightPx: number, widthPx: number];
  readonly names: readonly string[];
  readonly description: string;
}): OnnxModel {
  const { layers, head } = options.network;
  const detect = head.module.kind === "segment" ? head.module.detect : head.module;
  const stride = Math.max(...detect.strides);
  const size = toInputSize(options.imageSize, stride);
  const graph = new GraphBuilder("yolo");
  const images = graph.input("images", "float32", [1, 3, size.heightPx, size.widthPx]);

  const values: Value[] = [];
  const read = (from: readonly number[]) =>
    from.map((i) => (i === -1 && values.length === 0 ? images : values.at(i)!));
  for (const [i, layer] of layers.entries()) {
    values.push(emitModule(graph, `model.${i}`, layer.module, ...read(layer.from)));
  }
  const features = read(head.from);
  graph.scope(`model.${layers.length}`, () => {
    const anchors = detect.strides.reduce(
      (sum, s) => sum + (size.heightPx / s) * (size.widthPx / s),
      0,
    );
    const rows = 4 + detect.classCount;
    if (head.module.kind === "detect") {
      const detections = emitDetect(graph, head.module, features, size);
      graph.output("output0", detections, "float32", [1, rows, anchors]);
    } else {
      const [detections, prototypes] = emitSegment(graph, head.module, features, size);
      const count = head.module.proto.cv3.weight.dims[0]!;
      graph.output("output0", detections, "float32", [1, rows + count, anchors]);
      graph.output("output1", prototypes, "float32", [
        1,
        count,
        size.heightPx / 4,
        size.widthPx / 4,
      ]);
    }
  });
  return graph.toModel({
    metadata: toYoloMetadata({
      description: options.description,
      task: head.module.kind,
      stride,
      imageSizeHw: [size.heightPx, size.widthPx],
      names: options.names,
      dynamic: false,
    }),
  });
}

function toInputSize(
  imageSize: number | readonly [heightPx: number, widthPx: number],
  stride: number,
): InputSize {
  const [heightPx, widthPx] = typeof imageSize === "number" ? [imageSize, imageSize] : imageSize;
  for (const px of [heightPx, widthPx]) {
    if (!Number.isInteger(px) || px < stride || px % stride !== 0) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected an image size in multiples of ${stride} px, got ${heightPx}×${widthPx}.`,
      );
    }
  }
  return { heightPx, widthPx };
}
