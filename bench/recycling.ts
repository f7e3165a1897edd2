/**
 * What recycling costs: photos a second of one worker process, with a fresh process every 20 tasks
 * and with none, in turns. `node bench/recycling.ts`; part of `npm run bench`.
 *
 * Each task decodes a photo of 12 MP and predicts it in 12 slices by a YOLO11n, as a worker of a
 * fleet does. The smaller the task, the more a new process weighs: its start takes the CPU from
 * others.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Job, Queue, QueueEvents } from "bullmq";
import sharp from "sharp";
import { parseDeviceSlots } from "../src/fleet/supervisor/device-slots.ts";
import { findDevices } from "../src/fleet/supervisor/found-devices.ts";
import { forkProgram } from "../src/fleet/supervisor/start-process.ts";
import { Supervisor } from "../src/fleet/supervisor/supervisor.ts";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { buildYolo11 } from "../src/graph/yolo/yolo11.fixture.ts";
import { RedisServer } from "../test/servers/redis-server.ts";
import { median, percentOver, table } from "./figures.ts";

const taskCount = Number(process.env.BENCH_TASKS ?? 60);
const tasksPerProcess = 20;
const rounds = Number(process.env.BENCH_ROUNDS ?? 2);

/** What a task does is in recycling-task.ts. */
const task = new URL("./recycling-task.ts", import.meta.url).href;
const program = new URL("../src/cli/worker-main.ts", import.meta.url);

export async function benchRecycling(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "orangery-bench-recycling-"));
  try {
    await using redis = await RedisServer.start();
    const files = await writeFiles(folder);
    const variants = { none: undefined, [`every ${tasksPerProcess} tasks`]: tasksPerProcess };
    const rates: Record<string, number[]> = {};
    // The first round warms caches up.
    for (let round = -1; round < rounds; round += 1) {
      for (const [name, recycleTasks] of Object.entries(variants)) {
        const { perSecond, recycled } = await measure({ url: redis.url, files, recycleTasks });
        if (round >= 0) rates[`${name}, ${recycled} recycled`] ??= [];
        if (round >= 0) rates[`${name}, ${recycled} recycled`]!.push(perSecond);
      }
    }
    const names = Object.keys(rates);
    const baseline = median(rates[names[0]!]!);
    console.log(`a worker process, ${taskCount} tasks, recycling:`);
    console.log(
      table(
        ["", "tasks/s", "over none"],
        names.map((name) => [
          name,
          median(rates[name]!).toFixed(2),
          percentOver(median(rates[name]!), baseline),
        ]),
      ),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

interface Files {
  readonly model: string;
  readonly photo: string;
}

async function writeFiles(folder: string): Promise<Files> {
  const model = join(folder, "yolo11n.onnx");
  const size = { imageSize: [480, 640] as [number, number], classCount: 80 };
  await writeFile(
    model,
    serializeModel(buildYolo11({ scale: "n", task: "detect", ...size, seed: 1 })),
  );
  const photo = join(folder, "photo.jpg");
  await sharp(fileURLToPath(new URL("../examples/photos/tray-1.jpg", import.meta.url)))
    .resize(4000, 3000, { fit: "fill" })
    .jpeg({ quality: 90 })
    .toFile(photo);
  return { model, photo };
}

async function measure({
  url,
  files,
  recycleTasks,
}: {
  url: string;
  files: Files;
  recycleTasks: number | undefined;
}): Promise<{ perSecond: number; recycled: number }> {
  const name = `bench-${performance.now()}`.replace(".", "-");
  const connection = { url, maxRetriesPerRequest: null };
  const queue = new Queue(name, { connection });
  const events = new QueueEvents(name, { connection });
  events.setMaxListeners(0);
  queue.setMaxListeners(0);
  const supervisor = new Supervisor({
    slots: parseDeviceSlots("auto", { found: findDevices() }),
    startProcess: forkProgram(program, ["error"]),
    recycle: { ...(recycleTasks !== undefined && { tasks: recycleTasks }) },
    config: {
      ...{ task, models: { detect: files.model }, settings: undefined, queue: name },
      ...{ connection: { url }, worker: {}, orphanDeadlineMs: 1000 },
    },
  });
  const ended = supervisor.run();
  try {
    const add = (): Promise<Job> => queue.add("photo", { photo: files.photo });
    // Start and load are not what is measured.
    await (await add()).waitUntilFinished(events);
    const jobs = await Promise.all(Array.from({ length: taskCount }, add));
    const start = performance.now();
    await Promise.all(jobs.map((job) => job.waitUntilFinished(events)));
    const seconds = (performance.now() - start) / 1000;
    const recycled = supervisor.status.reduce((sum, slot) => sum + slot.recycled, 0);
    return { perSecond: taskCount / seconds, recycled };
  } finally {
    supervisor.stop({ deadlineMs: 10_000 });
    await ended;
    await events.close();
    await queue.obliterate({ force: true });
    await queue.close();
  }
}

if (import.meta.main) await benchRecycling();
