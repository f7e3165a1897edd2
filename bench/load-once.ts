/**
 * One load of `loading.ts`: a model and a photo on the command line, figures on standard output.
 */
import { readFileSync } from "node:fs";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { onnxRuntime } from "../src/native/onnx-runtime.ts";
import { decodePicture } from "../src/vision/photo/decode-picture.ts";
import { gapsDuring } from "./event-loop-gap.ts";

const [model, photo] = process.argv.slice(2) as [string, string];
// Opening the library and decoding a photo are not the load's.
void onnxRuntime.version;
const picture = await decodePicture(photo);

let fromArtifact = false;
await using cache = new ModelCache({ models: { model }, device: "cpu" });
cache.on("model:load", (event) => {
  fromArtifact = event.fromArtifact;
});
const start = performance.now();
const longestGapMs = await gapsDuring(() => cache.warmUp());
const loadMs = performance.now() - start;
const privateBytes = readPrivateBytes();
await using lease = await cache.acquire("model");
await lease.model.predict(picture);
const firstResultMs = performance.now() - start;
const peakBytes = 1024 * process.resourceUsage().maxRSS;
console.log(
  JSON.stringify({ loadMs, firstResultMs, privateBytes, peakBytes, longestGapMs, fromArtifact }),
);

/** Memory of this process that is no clean page of a file; 0 where the system does not say. */
function readPrivateBytes(): number {
  if (process.platform !== "linux") return 0;
  const rollup = readFileSync("/proc/self/smaps_rollup", "utf8");
  return 1024 * Number(/^Private_Dirty:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
}
