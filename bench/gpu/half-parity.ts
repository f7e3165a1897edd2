/**
 * What the fixtures' networks find in float16 on a device, beside float32 on the CPU.
 *
 *     node bench/gpu/half-parity.ts DEVICE
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ModelCache } from "../../src/models/cache/model-cache.ts";
import type { Detection } from "../../src/vision/detections.ts";

const [device = "cuda:0"] = process.argv.slice(2);
const fixtures = fileURLToPath(new URL("../../../shared/fixtures", import.meta.url));
const photos = readdirSync(`${fixtures}/photos`).filter((name) => name.endsWith(".jpg"));
const rows: object[] = [];
for (const name of ["plants-det.pt", "beds-seg.pt", "field-det.pt"]) {
  const file = `${fixtures}/models/${name}`;
  await using reference = new ModelCache({ models: { model: file }, forceCpu: true });
  const there = { device, requireDevice: true };
  await using half = new ModelCache({
    models: { model: { file, precision: "float16" } },
    ...there,
  });
  const models = [await reference.get("model"), await half.get("model")];
  let [expectedCount, foundCount, boxPx, score] = [0, 0, 0, 0];
  for (const photo of photos) {
    const [expected, found] = await Promise.all(
      models.map(async (model) => (await model.predict(`${fixtures}/photos/${photo}`)).detections),
    );
    expectedCount += expected!.length;
    foundCount += found!.length;
    for (const detection of found!) {
      const match = nearest(detection, [...expected!]);
      if (match === undefined || match.distancePx > 5) continue;
      boxPx = Math.max(boxPx, match.distancePx);
      score = Math.max(score, Math.abs(match.detection.score - detection.score));
    }
  }
  rows.push({
    model: name,
    "float32 on the CPU": expectedCount,
    float16: foundCount,
    boxPx,
    score,
  });
}
console.table(rows);

function nearest({ boxXyxy, classId }: Detection, others: readonly Detection[]) {
  const ofClass = others.filter((other) => other.classId === classId);
  const measured = ofClass.map((detection) => ({
    detection,
    distancePx: Math.max(...boxXyxy.map((edge, i) => Math.abs(edge - detection.boxXyxy[i]!))),
  }));
  return measured.sort((a, b) => a.distancePx - b.distancePx)[0];
}
