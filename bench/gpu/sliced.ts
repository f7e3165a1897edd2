/**
 * Photos of a folder in slices, as `orangery run` works on them, with how busy the device was.
 *
 *     node bench/gpu/sliced.ts DEVICE MODEL float32|float16 PHOTOS
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { ModelCache } from "../../src/models/cache/model-cache.ts";
import { openNvml } from "../../src/native/gpu/nvml.ts";
import { PhotoPipeline } from "../../src/pipeline/count/photo-pipeline.ts";

const [device = "cuda:0", file, precision, folder] = process.argv.slice(2);
const warmUp = 6;
await using cache = new ModelCache({
  models: { detect: precision === "float16" ? { file: file!, precision } : file! },
  device,
  requireDevice: true,
});
await using lease = await cache.acquire("detect");
const options = { confidence: 0.25, maxDetections: 100_000 };
const photos = readdirSync(folder!).map((name) => join(folder!, name));

for (const lanes of [2, 4, 8]) {
  const pipeline = new PhotoPipeline({
    detect: { model: lease.model, options },
    slicing: { slice: 640 },
  });
  const work = async (left: Iterator<string> & Iterable<string>) => {
    let slices = 0;
    const lane = async () => {
      for (const photo of left) slices += (await pipeline.process(photo)).sliceCount;
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return slices;
  };
  await work(photos.slice(0, warmUp).values());
  const gpu = openNvml()?.gpus[0];
  const busyPercent: number[] = [];
  const timer = setInterval(() => busyPercent.push(gpu?.read().gpuBusyPercent ?? Number.NaN), 100);
  const [loop, cpu] = [performance.eventLoopUtilization(), process.cpuUsage()];
  const startMs = performance.now();
  const slices = await work(photos.slice(warmUp).values());
  const seconds = (performance.now() - startMs) / 1000;
  clearInterval(timer);
  const used = process.cpuUsage(cpu);
  const count = photos.length - warmUp;
  console.log(
    `${precision}, ${lanes} photos at a time: ${(count / seconds).toFixed(1)} photos/s, ` +
      `${Math.round(slices / seconds)} slices/s; device busy ${mean(busyPercent)} %; ` +
      `main thread ${Math.round(100 * performance.eventLoopUtilization(loop).utilization)} %; ` +
      `${Math.round((used.user + used.system) / 1000 / count)} ms of CPU a photo; ` +
      `${Math.round((gpu?.read().memoryUsedBytes ?? 0) / 1e6)} MB on the device`,
  );
}

function mean(values: readonly number[]): string {
  return (values.reduce((sum, value) => sum + value, 0) / values.length).toFixed(0);
}
