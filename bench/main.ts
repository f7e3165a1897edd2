/**
 * `npm run bench`: what Orangery costs beside the bare library call, side by side in one run.
 *
 * The network is YOLO11m with random weights, built for the shape of a 4:3 photo (640 × 480). Every
 * figure is the median of rounds in which the variants take turns, so that a machine whose speed
 * drifts drifts for all of them. Nothing here is a test: figures depend on the machine.
 *
 * Words behind `npm run bench --` choose the parts whose names have one of them: `predicting`.
 */
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { basename, join } from "node:path";
import sharp from "sharp";
import { writeYoloCheckpoint } from "../src/checkpoint/yolo/network-writer.fixture.ts";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { randomYolo } from "../src/graph/yolo/random-yolo.fixture.ts";
import { buildYolo11 } from "../src/graph/yolo/yolo11.fixture.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { onnxRuntime } from "../src/native/onnx-runtime.ts";
import { decodePicture } from "../src/vision/photo/decode-picture.ts";
import { openBare } from "./bare-session.ts";
import { gapsDuring } from "./event-loop-gap.ts";
import { median, percentOver, table } from "./figures.ts";
import { benchFleet } from "./fleet.ts";
import { benchLoading } from "./loading.ts";
import { benchPhotoTime } from "./photo-time.ts";
import { benchPipeline } from "./pipeline.ts";
import { benchPlugins } from "./plugins.ts";
import { benchRecycling } from "./recycling.ts";

const roundCount = Number(process.env.BENCH_ROUNDS ?? 9);
const photosInRun = 24;
const wanted = process.argv.slice(2);

const folder = await mkdtemp(join(tmpdir(), "orangery-bench-"));
try {
  console.log(
    `${cpus()[0]?.model.trim()}, ${availableParallelism()} cores; Node ${process.version}; ` +
      `ONNX Runtime ${onnxRuntime.version}; ${roundCount} rounds\n`,
  );
  if (wanted.length === 0) {
    console.error(`This takes about ${estimateMinutes()} minutes on two quiet cores\n`);
  }
  const model = join(folder, "yolo11m.onnx");
  await writeFile(
    model,
    serializeModel(
      buildYolo11({ scale: "m", task: "detect", classCount: 80, imageSize: [480, 640], seed: 1 }),
    ),
  );
  const photos = [
    { name: "2 MP", file: await writePhoto("2mp.jpg", 1632, 1224) },
    { name: "12 MP", file: await writePhoto("12mp.jpg", 4000, 3000) },
  ];
  // Ours has YOLO11m's layers and random weights; another can be named.
  const checkpoint = process.env.BENCH_CHECKPOINT;
  const models = {
    "YOLO11m.onnx": model,
    "YOLO11m.pt": await writeCheckpoint(),
    ...(checkpoint && { [basename(checkpoint)]: checkpoint }),
  };
  const loads = { photo: photos[0]!.file, folder, rounds: Math.min(roundCount, 5) };
  await part("loading", () => benchLoading(models, loads));
  for (const photo of photos) {
    await part(`predicting ${photo.name}`, () => benchPredict(model, photo));
  }
  await part("plugins", () => benchPlugins(model, roundCount));
  for (const photo of photos) await part(`a run, ${photo.name}`, () => benchRun(model, photo));
  await part("all but inference", () => benchPhotoTime(folder, roundCount));
  await part("slices", () => benchPipeline(folder));
  await part("a fleet", () => benchFleet());
  await part("recycling", () => benchRecycling());
} finally {
  await rm(folder, { recursive: true });
}

/**
 * With one round all parts took 24 minutes of CPU time. Some have fewer rounds unless BENCH_ROUNDS
 * is set.
 */
function estimateMinutes(): number {
  return process.env.BENCH_ROUNDS === undefined ? 22 : 7 + 5 * roundCount;
}

/** Runs a part of the benchmark if it is wanted, and reports how long it took. */
async function part(name: string, run: () => Promise<void>): Promise<void> {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) return;
  const start = performance.now();
  await run();
  console.error(`(${name}: ${((performance.now() - start) / 1000).toFixed(0)} s)\n`);
}

/** Half precision, as training saves it: 40 MB. */
async function writeCheckpoint(): Promise<string> {
  const file = join(folder, "yolo11m.pt");
  const classCount = 80;
  const network = randomYolo({ family: "11", scale: "m", task: "detect", classCount, seed: 1 });
  const names = Array.from({ length: classCount }, (_, id) => `class${id}`);
  await writeFile(file, writeYoloCheckpoint({ network, names, elementType: "float16" }));
  return file;
}

async function writePhoto(name: string, width: number, height: number): Promise<string> {
  const file = join(folder, name);
  const source = new URL("../examples/photos/tray-1.jpg", import.meta.url);
  await sharp(await readFile(source))
    .resize(width, height, { fit: "fill" })
    .jpeg({ quality: 90 })
    .toFile(file);
  return file;
}

/**
 * Bare `Run` against the whole of `predict`, one after the other and overlapping: of the same saved
 * network, on as many threads. CPU time also compares where other programs compute meanwhile.
 */
async function benchPredict(model: string, photo: { name: string; file: string }): Promise<void> {
  await using cache = new ModelCache({ models: { detect: model }, device: "cpu" });
  await using lease = await cache.acquire("detect");
  const picture = await decodePicture(photo.file);
  // The first runs show whether threads should spin.
  for (let i = 0; i < 6; i += 1) await lease.model.predict(picture);
  const allowSpinning = lease.model.runs?.spinning ?? false;
  await using session = await openBare(model, { allowSpinning });
  using images = onnxRuntime.createTensor("float32", [1, 3, 480, 640]);
  images.data.fill(0.5);

  const bareRun = async () => {
    for (const tensor of Object.values(await session.run({ images }))) tensor[Symbol.dispose]();
  };
  // As `orangery run` does it: while one photo is inferred, the next is decoded.
  const photos = 6;
  const twoAtATime = async () => {
    let left = photos;
    const lane = async () => {
      while (left-- > 0) await lease.model.predict(photo.file);
    };
    await Promise.all([lane(), lane()]);
  };
  const variants: Record<string, { times: number; run: () => Promise<unknown> }> = {
    "bare Run": { times: 1, run: bareRun },
    "predict, decoded picture": { times: 1, run: () => lease.model.predict(picture) },
    "predict, file": { times: 1, run: () => lease.model.predict(photo.file) },
    "predict, file, two at a time": { times: photos, run: twoAtATime },
  };
  const names = Object.keys(variants);
  const ms = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  const cpuMs = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  const gaps = Object.fromEntries(names.map((name) => [name, [] as number[]]));
  for (let round = -1; round < roundCount; round += 1) {
    for (const [name, { times, run }] of Object.entries(variants)) {
      const [start, before] = [performance.now(), process.cpuUsage()];
      const longestGapMs = await gapsDuring(run);
      const { user, system } = process.cpuUsage(before);
      if (round < 0) continue;
      ms[name]!.push((performance.now() - start) / times);
      cpuMs[name]!.push((user + system) / 1000 / times);
      gaps[name]!.push(longestGapMs);
    }
  }
  const over = (all: typeof ms, name: string) =>
    percentOver(median(all[name]!), median(all["bare Run"]!));
  const { timingsMs } = await lease.model.predict(photo.file);
  console.log(`${photo.name} photo, YOLO11m at 640 × 480 on the CPU`);
  console.log(
    table(
      ["", "ms a photo", "over bare", "CPU ms", "over bare", "longest event-loop gap"],
      names.map((name) => [
        name,
        median(ms[name]!).toFixed(1),
        over(ms, name),
        median(cpuMs[name]!).toFixed(1),
        over(cpuMs, name),
        `${Math.max(...gaps[name]!).toFixed(1)} ms`,
      ]),
    ),
  );
  const parts = Object.entries(timingsMs).map(([part, value]) => `${part} ${value.toFixed(1)}`);
  console.log(`one predict, ms: ${parts.join(", ")}\n`);
}

/** Photos a second of `orangery run`, start and model load included, against bare `Run`. */
async function benchRun(model: string, photo: { name: string; file: string }): Promise<void> {
  const photos = join(folder, photo.name);
  await mkdir(photos);
  for (let index = 0; index < photosInRun; index += 1) {
    // Different bytes: identical photos would be inferred once.
    const copy = join(photos, `${index}.jpg`);
    await copyFile(photo.file, copy);
    await writeFile(copy, Buffer.from([index]), { flag: "a" });
  }
  const start = performance.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      join(import.meta.dirname, "../src/cli/main.ts"),
      ...["run", photos, "--detect", model, "--out", join(folder, `${photo.name}.db`)],
      ...["--device", "cpu"],
    ],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`orangery run failed with ${status}: ${stderr}`);
  const seconds = (performance.now() - start) / 1000;
  console.log(
    `orangery run, ${photosInRun} photos of ${photo.name}: ` +
      `${(photosInRun / seconds).toFixed(2)} photos/s, start and load included`,
  );
}
