/**
 * A process of its own for memory.test.ts: does what its argument says, and writes what memory it
 * took as JSON. Garbage is collected before readings, so that what grows is what is kept.
 */
import { writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { buildYolo11 } from "../src/graph/yolo/yolo11.fixture.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { ModelFolder, tinyYolo } from "../src/models/yolo/tiny-yolo.fixture.ts";
import { liveNativeObjects } from "../src/native/library/native-object.ts";
import { ModelTask } from "../src/tasks/model-task.ts";
import { runTasks } from "../src/tasks/run-tasks.ts";

/** What the process reports. */
export interface MemoryReport {
  /** Resident memory after each step, MB. */
  readonly residentMb: readonly number[];
  readonly loads: number;
  /** Objects found, or tasks that succeeded. */
  readonly found: number;
  /** Native objects that are left at the end. */
  readonly live: Readonly<Record<string, number>>;
}

type Scenario = (
  folder: ModelFolder,
  step: () => void,
) => Promise<Pick<MemoryReport, "loads" | "found">>;

const steps = 1000;

const scenarios: Readonly<Record<string, Scenario>> = {
  /**
   * Two at a time of photos of 1 to 2 megapixels, while nobody counts tasks or collects garbage: as
   * in a program that only predicts.
   */
  async untrimmed(folder, step) {
    const detect = await folder.write("detect.onnx", tinyYolo({ task: "detect" }));
    await using cache = new ModelCache({ models: { detect }, device: "cpu" });
    const model = await cache.get("detect");
    let [left, found] = [steps, 0];
    const lane = async () => {
      while (left-- > 0) {
        const { detections } = await model.predict(large[left % large.length]!);
        found += Math.min(1, detections.length);
        step();
      }
    };
    await Promise.all([lane(), lane()]);
    return { loads: cache.info().loads, found };
  },

  /** Each reads and decodes the photo twice, and draws a mask of its size. */
  async tasks(folder, step) {
    class FindBoth extends ModelTask<string, number> {
      async run(path: string): Promise<number> {
        const beds = await (await this.segModel).predict(path);
        const things = await (await this.detModel).predict(path);
        return beds.detections.masks!.length + things.detections.length;
      }
    }
    const segment = await folder.write("segment.onnx", tinyYolo({ task: "segment" }));
    const detect = await folder.write("detect.onnx", tinyYolo({ task: "detect" }));
    await using cache = new ModelCache({ models: { segment, detect }, device: "cpu" });
    const task = new FindBoth({ cache, workerName: "worker-1@host" });
    let found = 0;
    for await (const report of runTasks(task, Array<string>(steps).fill(photo))) {
      if (report.status === "succeeded" && report.result === 2) found += 1;
      step();
    }
    return { loads: cache.info().loads, found };
  },

  /** A network of 10 MB, used once each time. */
  async reloads(folder, step) {
    const detect = folder.file("yolo11n.onnx");
    await writeFile(
      detect,
      serializeModel(buildYolo11({ scale: "n", task: "detect", classCount: 1, imageSize: 64 })),
    );
    await using cache = new ModelCache({ models: { detect }, device: "cpu" });
    for (let load = 0; load < 50; load += 1) {
      {
        await using lease = await cache.acquire("detect");
        await lease.model.predict(photo, { confidence: 0.9 });
      }
      await cache.clear();
      step();
    }
    return { loads: cache.info().loads, found: 0 };
  },
};

const scenario = scenarios[process.argv[2]!]!;
const residentMb: number[] = [];
await using folder = await ModelFolder.create();
// Its pixels are 230 kB: were they kept, a thousand predictions would show with 200 MB.
const photo = folder.file("photo.jpg");
const soil = fileURLToPath(new URL("../examples/photos/empty-soil.jpg", import.meta.url));
await sharp(soil).resize(320, 240).toFile(photo);
const large = ["tray-1.jpg", "tray-3.jpg"].map((name) =>
  fileURLToPath(new URL(`../examples/photos/${name}`, import.meta.url)),
);
const result = await scenario(folder, () => {
  if (scenario !== scenarios.untrimmed && residentMb.length % 10 === 0) globalThis.gc!();
  residentMb.push(process.memoryUsage.rss() / 1e6);
});
const report: MemoryReport = { residentMb, ...result, live: liveNativeObjects() };
process.stdout.write(JSON.stringify(report));
