import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { buildYolo11 } from "../src/graph/yolo/yolo11.fixture.ts";
import { table } from "./figures.ts";
import type { PipelineFigures } from "./pipeline-run.ts";

const sizes = [
  { megapixels: 12, width: 4000, height: 3000, times: 4 },
  { megapixels: 50, width: 8192, height: 6144, times: 2 },
  { megapixels: 200, width: 14_142, height: 14_142, times: 1 },
];

/**
 * Slices of 640, each written into the input as it is: nothing hides what cutting and merging take.
 */
const slice = 640;

/**
 * Photos a second, runs at a time and peak of memory of sliced photos, with a YOLO11n on the
 * CPU.
 */
export async function benchPipeline(folder: string): Promise<void> {
  const model = join(folder, "yolo11n.onnx");
  const network = { scale: "n", task: "detect", classCount: 1, imageSize: slice, seed: 1 } as const;
  await writeFile(model, serializeModel(buildYolo11(network)));
  const script = fileURLToPath(new URL("pipeline-run.ts", import.meta.url));
  const rows = [];
  for (const { megapixels, width, height, times } of sizes) {
    const photo = join(folder, `${megapixels}mp.jpg`);
    await sharp(fileURLToPath(new URL("../examples/photos/tray-5.jpg", import.meta.url)))
      .resize(width, height, { fit: "fill" })
      .jpeg({ quality: 90 })
      .toFile(photo);
    const args = [script, model, photo, `${times}`, `${slice}`];
    const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`the pipeline failed with ${status}: ${stderr}`);
    const figures: PipelineFigures = JSON.parse(stdout);
    rows.push([
      `${megapixels} MP`,
      `${figures.slices}`,
      figures.photosPerSecond.toFixed(3),
      figures.runsAtATime.toFixed(2),
      `${(figures.peakMb - figures.modelMb).toFixed(0)} MB`,
      `${figures.peakMb.toFixed(0)} MB`,
    ]);
  }
  console.log(`PhotoPipeline, slices of ${slice}, YOLO11n on the CPU, start and load left out`);
  const head = ["", "slices", "photos/s", "runs at a time", "memory beside the model", "peak"];
  console.log(`${table(head, rows)}\n`);
}
