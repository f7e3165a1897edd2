/** Orangery in a program: three photos at a time, as in `orangery run`; one of them is decoded. */
import { ModelCache, PhotoPipeline } from "../../src/index.ts";
import { measure, settings } from "./stopwatch.ts";

const { model, confidence, slice } = settings;
await using cache = new ModelCache({
  models: { detect: model },
  device: process.env.ORANGERY_BENCH_DEVICE ?? "cpu",
  requireDevice: true,
});

await measure(async (photos) => {
  await using lease = await cache.acquire("detect");
  const pipeline = new PhotoPipeline({
    detect: { model: lease.model, options: { confidence, ...(slice && { maxDetections: 1e5 }) } },
    slicing: slice === undefined ? undefined : { slice, overlap: 0.2 },
  });
  const counts: number[] = [];
  const left = photos.entries();
  const lane = async () => {
    for (const [i, photo] of left) counts[i] = (await pipeline.process(photo)).objects.length;
  };
  await Promise.all([lane(), lane(), lane()]);
  return counts;
});
