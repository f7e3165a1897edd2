import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { GraphBuilder } from "../src/graph/graph-builder.ts";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { PhotoPipeline } from "../src/pipeline/count/photo-pipeline.ts";
import { letterbox } from "../src/vision/letterbox/letterbox.ts";
import { planLetterbox } from "../src/vision/letterbox/plan-letterbox.ts";
import { decodePicture } from "../src/vision/photo/decode-picture.ts";
import { openReduced } from "../src/vision/photo/open-photo.ts";
import { median, table } from "./figures.ts";

const sizes = [
  { megapixels: 2, width: 1632, height: 1224 },
  { megapixels: 12, width: 4000, height: 3000 },
  { megapixels: 50, width: 8192, height: 6144 },
];

const classCount = 80;

/**
 * CPU time a photo of all that is not inference, whole and in slices of 640, beside that of the
 * bare decoder. The network has the inputs and outputs of a YOLO and no layers, so that what is
 * left is the rest of the way.
 */
export async function benchPhotoTime(folder: string, rounds: number): Promise<void> {
  const files = { whole: join(folder, "whole.onnx"), slice: join(folder, "slice.onnx") };
  await writeFile(files.whole, networkWithoutLayers([480, 640]));
  await writeFile(files.slice, networkWithoutLayers([640, 640]));
  await using cache = new ModelCache({ models: files, device: "cpu" });
  await using whole = await cache.acquire("whole");
  await using slice = await cache.acquire("slice");
  const wholePipeline = new PhotoPipeline({ detect: { model: whole.model } });
  const slicedPipeline = new PhotoPipeline({
    detect: { model: slice.model },
    slicing: { slice: 640 },
  });
  const rows = [];
  for (const { megapixels, width, height } of sizes) {
    const bytes = await photoOf(width, height);
    const picture = await decodePicture(bytes);
    const plan = planLetterbox({ photoWh: [width, height], inputWh: [640, 480] });
    const floats = new Float32Array(3 * 640 * 480);
    const levels = new Uint8Array(3 * 640 * 480);
    let slices = 0;
    const parts: Record<string, () => unknown> = {
      bare: () => sharp(bytes, { limitInputPixels: false }).raw().toBuffer(),
      decode: () => decodePicture(bytes),
      fast: async () => {
        await using _ = await openReduced(bytes, { wantedWhOf: () => [640, 480] });
      },
      floats: () => letterbox(picture, plan, floats),
      bytes: () => letterbox(picture, plan, levels),
      whole: () => wholePipeline.process(picture),
      sliced: async () => {
        slices = (await slicedPipeline.process(picture)).sliceCount;
      },
    };
    const ms = await cpuMsOf(parts, rounds);
    rows.push([
      `${megapixels} MP`,
      ...["bare", "decode", "fast", "floats", "bytes", "whole"].map((part) => ms[part]!.toFixed(1)),
      `${ms.sliced!.toFixed(1)} (${slices})`,
    ]);
  }
  const head = [
    ...["", "bare decoder", "decode", "decode fast", "letterbox, floats", "letterbox, bytes"],
    ...["whole, decoded", "in slices, decoded"],
  ];
  console.log("CPU ms a photo at 640 × 480, without inference");
  console.log(`${table(head, rows)}\n`);
}

/**
 * Medians of rounds in which the parts take turns. Each is measured right after itself, since the
 * memory that one leaves is freed in the time of the next.
 */
async function cpuMsOf(
  parts: Readonly<Record<string, () => unknown>>,
  rounds: number,
): Promise<Readonly<Record<string, number>>> {
  const ms = Object.fromEntries(Object.keys(parts).map((name) => [name, [] as number[]]));
  for (let round = -1; round < rounds; round++) {
    for (const [name, run] of Object.entries(parts)) {
      await run();
      const before = process.cpuUsage();
      await run();
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) ms[name]!.push((user + system) / 1000);
    }
  }
  return Object.fromEntries(Object.entries(ms).map(([name, values]) => [name, median(values)]));
}

async function photoOf(width: number, height: number): Promise<Uint8Array> {
  const source = new URL("../examples/photos/tray-1.jpg", import.meta.url);
  return await sharp(await readFile(source))
    .resize(width, height, { fit: "fill" })
    .jpeg({ quality: 90 })
    .toBuffer();
}

/** Finds nothing, in as many anchors as a YOLO has. */
function networkWithoutLayers([height, width]: readonly [number, number]): Uint8Array {
  const graph = new GraphBuilder("without-layers");
  const images = graph.input("images", "float32", [1, 3, height, width]);
  const anchorCount = [8, 16, 32].reduce((sum, step) => sum + (height * width) / step ** 2, 0);
  const dims = [1, 4 + classCount, anchorCount];
  const one = graph.node("Slice", [
    images,
    graph.ints([0, 0, 0]),
    graph.ints([1, 1, 1]),
    graph.ints([1, 2, 3]),
  ]);
  const zero = graph.node("Reshape", [graph.node("Mul", [one, 0]), graph.ints([1, 1, 1])]);
  const output = graph.node("Expand", [zero, graph.ints(dims)]);
  graph.output("output0", output, "float32", dims);
  const names = Array.from({ length: classCount }, (_, id) => `${id}: 'class${id}'`);
  const metadata = {
    task: "detect",
    names: `{${names.join(", ")}}`,
    stride: "32",
    end2end: "False",
  };
  return serializeModel(graph.toModel({ metadata: Object.entries(metadata) }));
}
