/** Counts plants on photos, and in each region of a photo: a task, run without a queue. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  countObjects,
  decodePicture,
  inReadingOrder,
  ModelCache,
  ModelTask,
  runTasks,
  type TaskContext,
} from "orangery";

interface PhotoJob {
  readonly photo: string;
}

class CountPlants extends ModelTask<PhotoJob, number[]> {
  /** How many plants are on the photo, then in each region of it. */
  async run({ photo }: PhotoJob, { signal }: TaskContext) {
    const seg = await this.segModel; // the first task loads it, the others have it at no cost
    const det = await this.detModel;
    const picture = await decodePicture(photo, { signal });
    const regions = await seg.predict(picture, { signal });
    const plants = await det.predict(picture, { signal, maxDetections: 2000 });
    const counts = countObjects(plants.detections, inReadingOrder(regions.detections));
    return counts.map(({ count }) => count);
  }
}

const folder = join(import.meta.dirname, "photos");
const names = (await readdir(folder)).filter((name) => name.endsWith(".jpg")).sort();
const jobs = names.map((name) => ({ photo: join(folder, name) }));

await using cache = new ModelCache({
  models: { segment: "sample:beds", detect: "sample:seedlings" },
});
const countPlants = new CountPlants({ cache, workerName: "worker-0" });

for await (const report of runTasks(countPlants, jobs)) {
  const name = basename(report.payload.photo);
  if (report.status !== "succeeded") {
    console.log(`${name}: no result:`, report.error);
    continue;
  }
  const [plants = 0, ...inRegions] = report.result;
  console.log(`${name}: ${plants} plants, by region: ${inRegions.join(", ") || "no region"}`);
}
console.log(`${cache.info().loads} loads for ${cache.info().tasks} tasks`);
