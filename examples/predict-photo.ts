/** Finds the seedlings on one photo: `node examples/predict-photo.ts [photo]`. */
import { ModelCache } from "orangery";

const photo = process.argv[2] ?? new URL("photos/tray-1.jpg", import.meta.url);

await using cache = new ModelCache({ models: { detect: "sample:seedlings" } });
await using lease = await cache.acquire("detect");
const options = { confidence: 0.5, maxDetections: 3000 };
const { detections, device, timingsMs } = await lease.model.predict(photo, options);

console.log(`${detections.length} found on ${device} in ${Math.round(timingsMs.total)} ms`);
for (const { name, score, boxXyxy } of detections.filter((_, index) => index < 3)) {
  console.log(name, score.toFixed(2), boxXyxy.map(Math.round));
}
