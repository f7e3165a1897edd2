/**
 * Finds small objects on a large photo: in slices, and several slices in one run of the network.
 * The network's input has the size of a slice: objects that it sees larger or smaller than those it
 * was trained on are counted worse.
 */
import { decodePicture, detectSliced, ModelCache, PictureSlice, planSlices } from "orangery";

const photo = new URL("photos/tray-2.jpg", import.meta.url);
const size = 640;

await using cache = new ModelCache({ models: { detect: "sample:seedlings" } });
await using lease = await cache.acquire("detect");

// The whole way: cut, predict four slices in a run, make one object of what several slices show.
const { detections, sliceCount } = await detectSliced(lease.model, photo, {
  slice: size,
  overlap: 0.2,
  imageSize: size,
  merge: { method: "nms", threshold: 0.3 }, // parts that an edge has cut off overlap little
  batchSize: 4,
});
console.log(`${detections.length} plants on ${sliceCount} slices`);

// One step of it by hand, for work of your own on the slices.
const picture = await decodePicture(photo);
const photoWh = [picture.widthPx, picture.heightPx] as const;
const slices = planSlices({ photoWh, sliceWh: [size, size], overlap: 0.2 });
const batch = slices.slice(0, 4).map((slice) => new PictureSlice(picture, slice));
const predictions = await lease.model.predictBatch(batch, { imageSize: size });
for (const [index, { detections: found }] of predictions.entries()) {
  const { left, top } = slices[index]!;
  console.log(`slice at ${left}, ${top}: ${found.length}`);
}
