/**
 * Finds small objects on a large photo: in slices, and several slices in one run of the network.
 */
import { decodePicture, detectSliced, ModelCache, PictureSlice, planSlices } from "orangery";

const photo = new URL("photos/tray-2.jpg", import.meta.url);

await using cache = new ModelCache({ models: { detect: "sample:seedlings" } });
await using lease = await cache.acquire("detect");

// The whole way: cut, predict four slices in a run, make one object of what several slices show.
const { detections, sliceCount } = await detectSliced(lease.model, photo, {
  slice: 640,
  overlap: 0.2,
  batchSize: 4,
});
console.log(`${detections.length} plants on ${sliceCount} slices`);

// One step of it by hand, for work of your own on the slices.
const picture = await decodePicture(photo);
const photoWh = [picture.widthPx, picture.heightPx] as const;
const slices = planSlices({ photoWh, sliceWh: [640, 640], overlap: 0.2 });
const batch = slices.slice(0, 4).map((slice) => new PictureSlice(picture, slice));
const predictions = await lease.model.predictBatch(batch);
for (const [index, { detections: found }] of predictions.entries()) {
  const { left, top } = slices[index]!;
  console.log(`slice at ${left}, ${top}: ${found.length}`);
}
