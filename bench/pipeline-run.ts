/**
 * Processes one photo several times, as `orangery run` does, and prints what it took as JSON. A
 * process of its own, for the peak of its memory.
 */
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { PhotoPipeline } from "../src/pipeline/count/photo-pipeline.ts";

export interface PipelineFigures {
  readonly slices: number;
  readonly objects: number;
  readonly photosPerSecond: number;
  /** Of the network, on average; below 1 the device waits. */
  readonly runsAtATime: number;
  /** Peak of the process before the first photo, with the model loaded and used. */
  readonly modelMb: number;
  readonly peakMb: number;
}

const [model, photo, times, slice] = process.argv.slice(2);
const peakMb = () => process.resourceUsage().maxRSS / 1024;

await using cache = new ModelCache({ models: { detect: model! }, device: "cpu" });
await using lease = await cache.acquire("detect");
const size = Number(slice);
const grey = { data: new Uint8Array(3 * size * size).fill(114), widthPx: size, heightPx: size };
await lease.model.predict(grey);
const modelMb = peakMb();

const pipeline = new PhotoPipeline({
  detect: { model: lease.model, options: { confidence: 0.25, maxDetections: 100_000 } },
  slicing: { slice: size },
});
let left = Number(times);
let inferenceMs = 0;
let slices = 0;
let objects = 0;
const startedAt = performance.now();
const lane = async () => {
  while (left-- > 0) {
    const result = await pipeline.process(photo!);
    inferenceMs += result.timingsMs.inference!;
    slices = result.sliceCount;
    objects = result.objects.length;
  }
};
await Promise.all([lane(), lane()]);
const elapsedMs = performance.now() - startedAt;
const figures: PipelineFigures = {
  slices,
  objects,
  photosPerSecond: (1000 * Number(times)) / elapsedMs,
  runsAtATime: inferenceMs / elapsedMs,
  modelMb,
  peakMb: peakMb(),
};
process.stdout.write(JSON.stringify(figures));
