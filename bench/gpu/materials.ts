/** What the proof computes with: networks with random weights, and photos of 12 megapixels. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { writeYoloCheckpoint } from "../../src/checkpoint/yolo/network-writer.fixture.ts";
import { serializeModel } from "../../src/graph/onnx/model-writer.ts";
import { createYoloModel } from "../../src/graph/yolo/create-yolo-model.ts";
import type { YoloNetwork } from "../../src/graph/yolo/modules.ts";
import { randomYolo } from "../../src/graph/yolo/random-yolo.fixture.ts";

const names = Array.from({ length: 80 }, (_, id) => `class${id}`);

/** Writes YOLO11m and YOLO26m as checkpoints, and YOLO11m as ONNX. @returns their paths */
export function writeModels(folder: string) {
  const [eleven, twentySix] = (["11", "26"] as const).map((family) =>
    randomYolo({ family, scale: "m", task: "detect", classCount: names.length, seed: 1 }),
  );
  const path = (name: string) => join(folder, name);
  const checkpoint = (network: YoloNetwork) =>
    writeYoloCheckpoint({ network, names, elementType: "float16" });
  writeFileSync(path("yolo11m.pt"), checkpoint(eleven!));
  writeFileSync(path("yolo26m.pt"), checkpoint(twentySix!));
  const sized = { imageSize: "dynamic", batch: "dynamic", names, description: "" } as const;
  const onnx = createYoloModel({ network: eleven!, usualSizeHw: [640, 640], ...sized });
  writeFileSync(path("yolo11m.onnx"), serializeModel(onnx));
  return {
    yolo11m: path("yolo11m.pt"),
    yolo26m: path("yolo26m.pt"),
    yolo11mOnnx: path("yolo11m.onnx"),
  };
}

const photoCount = 48;

/** Writes photos of 4,000 × 3,000 px with as much detail as a camera's. @returns their folder */
export async function writePhotos(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const [width, height] = [1000, 750];
  const raw = Uint8Array.from(
    { length: 3 * width * height },
    (_, i) => 128 + 60 * Math.sin(i / 997) + ((i * 7919) % 41),
  );
  for (let photo = 0; photo < photoCount; photo++) {
    await sharp(raw, { raw: { width, height, channels: 3 } })
      .resize(4 * width, 4 * height)
      .linear(1 - photo / 500, photo / 10)
      .jpeg({ quality: 90 })
      .toFile(join(folder, `${photo}.jpg`));
  }
  return folder;
}
