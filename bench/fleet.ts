/**
 * What a fleet costs beside the work itself: photos a second of worker processes that take photos
 * from Redis and record results in PostgreSQL, against the same pipeline in a loop without queue or
 * results. `node bench/fleet.ts`; part of `npm run bench`.
 *
 * All variants use all cores, have two photos in hand for each process, and take turns. Start and
 * load are left out. What a photo costs beside inference shows best what is the fleet's: inference
 * itself takes longer at one time than at another on machines that others use, too.
 */
import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Queue } from "bullmq";
import sharp from "sharp";
import { type CountSettings, countWorkerUrl } from "../src/fleet/count/count-settings.ts";
import { enqueuePhotos } from "../src/fleet/count/enqueue-photos.ts";
import { FleetQueues } from "../src/fleet/recipes/fleet-queues.ts";
import { parseDeviceSlots } from "../src/fleet/supervisor/device-slots.ts";
import { forkProgram } from "../src/fleet/supervisor/start-process.ts";
import { Supervisor } from "../src/fleet/supervisor/supervisor.ts";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { buildYolo11 } from "../src/graph/yolo/yolo11.fixture.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { readResults } from "../src/ledger/results/stored-results.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { PhotoPipeline } from "../src/pipeline/count/photo-pipeline.ts";
import { PhotoReader } from "../src/pipeline/photos/photo-reader.ts";
import { type CountOptions, countRecipe } from "../src/pipeline/recipe/count-recipe.ts";
import { openPostgres } from "../test/servers/postgres-server.ts";
import { RedisServer } from "../test/servers/redis-server.ts";
import { median, percentOver, table } from "./figures.ts";

const rounds = Number(process.env.BENCH_ROUNDS ?? 3);

/** The smaller the work, the more a fleet weighs: of a small photo almost all is bookkeeping. */
const loads = [
  { name: "YOLO11m, 2 MP", scale: "m", imageSize: [480, 640], photoWh: [1632, 1224], photos: 32 },
  { name: "YOLO11n, 2 MP", scale: "n", imageSize: [480, 640], photoWh: [1632, 1224], photos: 200 },
  { name: "YOLO11n, 64 px", scale: "n", imageSize: [64, 64], photoWh: [64, 64], photos: 2000 },
] as const;

interface Work {
  readonly count: CountOptions;
  readonly photos: readonly string[];
}

interface Cost {
  readonly photoMs: number;
  /** Of it, while every process was at an inference. */
  readonly inferenceMs: number;
}

export async function benchFleet(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "orangery-bench-fleet-"));
  try {
    await using redis = await RedisServer.start({ fsync: "everysec" });
    await using postgres = await openPostgres();
    for (const load of loads) {
      const work = await writeWork(join(folder, load.name.replaceAll(/\W+/g, "-")), load);
      const inFleet = async (devices: string) => {
        await using schema = await postgres.createSchema();
        return await measureFleet({ ...work, devices, redis: redis.url, results: schema.url });
      };
      const variants: Record<string, () => Promise<Cost>> = {
        "pipeline in a loop": () => measureLoop(work),
        "a worker process": () => inFleet("cpu"),
        "two worker processes": () => inFleet("cpu*2"),
      };
      printRates(load.name, await inTurns(variants));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What a photo costs in each variant, medians; the first round warms caches up. */
async function inTurns(
  variants: Readonly<Record<string, () => Promise<Cost>>>,
): Promise<Readonly<Record<string, Cost>>> {
  const names = Object.keys(variants);
  const costs = Object.fromEntries(names.map((name) => [name, [] as Cost[]]));
  for (let round = -1; round < rounds; round += 1) {
    for (const [name, measure] of Object.entries(variants)) {
      const cost = await measure();
      if (round >= 0) costs[name]!.push(cost);
    }
  }
  return Object.fromEntries(
    names.map((name) => [
      name,
      {
        photoMs: median(costs[name]!.map(({ photoMs }) => photoMs)),
        inferenceMs: median(costs[name]!.map(({ inferenceMs }) => inferenceMs)),
      },
    ]),
  );
}

function printRates(name: string, costs: Readonly<Record<string, Cost>>): void {
  const [loop] = Object.values(costs) as [Cost];
  console.log(
    table(
      [`fleet: ${name}`, "ms a photo", "over the loop", "", "beside inference", "photos/s"],
      Object.entries(costs).map(([variant, { photoMs, inferenceMs }]) => [
        variant,
        photoMs.toFixed(1),
        `${(photoMs - loop.photoMs).toFixed(1)} ms`,
        percentOver(photoMs, loop.photoMs),
        `${(photoMs - inferenceMs).toFixed(1)} ms`,
        (1000 / photoMs).toFixed(2),
      ]),
    ),
  );
  console.log();
}

async function writeWork(
  folder: string,
  { scale, imageSize, photoWh: [width, height], photos }: (typeof loads)[number],
): Promise<Work> {
  await mkdir(folder);
  const file = join(folder, "detect.onnx");
  const network = buildYolo11({
    ...{ scale, task: "detect", classCount: 80, seed: 1 },
    imageSize: [...imageSize],
  });
  await writeFile(file, serializeModel(network));
  const photo = join(folder, "photo.jpg");
  await sharp(fileURLToPath(new URL("../examples/photos/tray-1.jpg", import.meta.url)))
    .resize(width, height, { fit: "fill" })
    .jpeg({ quality: 90 })
    .toFile(photo);
  const names = Array.from({ length: photos }, (_, number) => join(folder, `${number}.jpg`));
  for (const [number, name] of names.entries()) {
    // Different bytes: identical photos would be inferred once.
    await copyFile(photo, name);
    await writeFile(name, `${number}`, { flag: "a" });
  }
  return { count: { detect: { file } }, photos: names };
}

/** The same photos without queue and results, in this process. */
async function measureLoop({ count, photos }: Work): Promise<Cost> {
  await using cache = new ModelCache({ models: { detect: count.detect.file }, device: "cpu" });
  await using detect = await cache.acquire("detect");
  using sources = new PhotoReader();
  const pipeline = new PhotoPipeline({ detect: { model: detect.model } });
  await pipeline.process(photos[0]!);
  const left = photos.values();
  let inferenceMs = 0;
  const lane = async () => {
    for (const photo of left) {
      const { timingsMs } = await pipeline.process((await sources.read(photo)).bytes);
      inferenceMs += timingsMs.inference! / photos.length;
    }
  };
  const start = performance.now();
  await Promise.all([lane(), lane()]);
  return { photoMs: (performance.now() - start) / photos.length, inferenceMs };
}

interface FleetWork extends Work {
  readonly devices: string;
  readonly redis: string;
  readonly results: string;
}

/** From letting workers that are ready go until every photo has its result. */
async function measureFleet({ count, photos, devices, redis, results }: FleetWork): Promise<Cost> {
  const recipe = await countRecipe(count);
  await using ledger = await openLedger(results);
  const store = await ResultStore.open(ledger, recipe.recipe);
  const name = `bench-${crypto.randomUUID()}`;
  await using queues = await FleetQueues.open({ connection: redis, queue: name });
  const queue = await queues.add({ count, recipe, ledger });
  using sources = new PhotoReader();
  const slots = parseDeviceSlots(devices, { found: { cuda: [], hasOtherGpu: false } });
  let ready = 0;
  const allReady = Promise.withResolvers<void>();
  const settings: CountSettings = { results };
  const supervisor = new Supervisor({
    slots,
    startProcess: forkProgram(new URL("../src/cli/worker-main.ts", import.meta.url), ["error"]),
    config: {
      ...{ task: countWorkerUrl, models: {}, settings, queue: name, worker: { attempts: 1 } },
      ...{ connection: { url: redis }, orphanDeadlineMs: 1000 },
    },
    onEvent: ({ type }) => {
      if (type === "ready" && ++ready === slots.length) allReady.resolve();
      if (type === "failed" || type === "given up") allReady.reject(new Error("no worker"));
    },
  });
  const ended = supervisor.run();
  try {
    await allReady.promise;
    await queue.pause();
    await enqueuePhotos({ queue: queue, store, photos: sources.list(photos) });
    const start = performance.now();
    await queue.resume();
    await untilDone(queue);
    const photoMs = (performance.now() - start) / photos.length;
    const failed = await queue.getFailedCount();
    if (failed > 0) throw new Error(`${failed} photos failed`);
    let inferenceMs = 0;
    for await (const { timingsMs } of readResults(ledger, { recipeHash: recipe.recipe.hash })) {
      inferenceMs += timingsMs.inference! / photos.length / slots.length;
    }
    return { photoMs, inferenceMs };
  } finally {
    supervisor.stop({ deadlineMs: 10_000 });
    await ended;
    await queue.obliterate({ force: true });
  }
}

/** Rarely enough to cost nothing beside the work. */
const pollMs = 100;

/** Jobs that are done leave the queue, when their results are committed. */
async function untilDone(bullmq: Queue): Promise<void> {
  for (;;) {
    const left = await bullmq.getJobCountByTypes("waiting", "active", "delayed");
    if (left === 0) return;
    await sleep(pollMs);
  }
}

if (import.meta.main) await benchFleet();
