/**
 * The memory of 1,000 predictions with a release of the working memory every 100, and of loading
 * and clearing the model ten times.
 *
 *     node bench/gpu/steady.ts DEVICE MODEL
 */
import { ModelCache } from "../../src/models/cache/model-cache.ts";
import { openNvml } from "../../src/native/gpu/nvml.ts";

const [device = "cuda:0", file] = process.argv.slice(2);
const gpu = openNvml()?.gpus[0];
const memoryMb = () => ({
  device: Math.round((gpu?.read().memoryUsedBytes ?? 0) / 1e6),
  process: Math.round(process.memoryUsage.rss() / 1e6),
});
const [widthPx, heightPx] = [1632, 1224];
const photo = {
  data: Uint8Array.from({ length: 3 * widthPx * heightPx }, (_, i) => (i * 7919) % 256),
  widthPx,
  heightPx,
};
await using cache = new ModelCache({ models: { detect: file! }, device, requireDevice: true });
const rows: object[] = [];
const model = await cache.get("detect");
for (let task = 0; task <= 1000; task++) {
  await model.predict(photo);
  await cache.taskDone();
  if (task % 100 === 50 || task === 1000) rows.push({ predictions: task, ...memoryMb() });
}
console.table(rows);
const loads: object[] = [];
for (let load = 1; load <= 10; load++) {
  await cache.clear();
  const startMs = performance.now();
  await (await cache.get("detect")).predict(photo);
  const ms = Math.round(performance.now() - startMs);
  if (load === 1 || load % 3 === 1) loads.push({ load, ms, ...memoryMb() });
}
console.table(loads);
