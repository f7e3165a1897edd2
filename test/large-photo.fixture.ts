/** Processes and draws a large photo in a process of its own, for the peak of its memory. */
import { mkdir } from "node:fs/promises";
import { ModelFolder, tinyYolo } from "../src/models/yolo/tiny-yolo.fixture.ts";

export interface LargePhotoReport {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sliceCount: number;
  /** Peak of the process before the photo and at the end. */
  readonly beforeMb: number;
  readonly peakMb: number;
}

const [photo, temporary] = process.argv.slice(2);
await mkdir(temporary!);
await using folder = await ModelFolder.create();
process.env.TMPDIR = temporary;
const { ModelCache, PhotoPipeline } = await import("../src/index.ts");
await using cache = new ModelCache({
  models: {
    detect: await folder.write("detect.onnx", tinyYolo()),
    segment: await folder.write("segment.onnx", tinyYolo({ task: "segment" })),
  },
  device: "cpu",
});
const pipeline = new PhotoPipeline({
  detect: { model: await cache.get("detect") },
  segment: { model: await cache.get("segment") },
  slicing: { slice: 512 },
});
const peakMb = () => process.resourceUsage().maxRSS / 1024;
await pipeline.process({ data: new Uint8Array(3 * 64 * 64), widthPx: 64, heightPx: 64 });
const beforeMb = peakMb();
const { widthPx, heightPx, sliceCount } = await pipeline.process(photo!);
const report: LargePhotoReport = { widthPx, heightPx, sliceCount, beforeMb, peakMb: peakMb() };
process.stdout.write(JSON.stringify(report));
