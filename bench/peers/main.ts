/**
 * `npm run bench:peers`: Orangery beside Ultralytics, SAHI and Celery, in turns in one run.
 *
 * The peers run in a Python that is made once, with the versions of requirements.txt; without
 * Python or a registry there is a sentence and no figures. Each contender is a new process in each
 * round: it loads its model, counts one photo at a time, and then many. The models have random
 * weights, on inputs of 640 × 480 for all, so that all have the same work: `--models` takes scales
 * of YOLO11 and names as Ultralytics' YAML files have them. `--sliced-model FILE.pt` names a
 * trained one for slices, `--sliced-model none` leaves them out. `--quick` is one round of the
 * smallest.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { onnxRuntime } from "../../src/native/onnx-runtime.ts";
import { openRedis } from "../../test/servers/redis-server.ts";
import { int8File, type Place, slicedContenders, wholeContenders } from "./contenders.ts";
import { makeCrops, makeCrowdedPhoto, makePhotos } from "./photos.ts";
import { makePython, peersEnvironment, peersFolder, peerVersions } from "./python.ts";
import { inTurns, markdownTable } from "./rounds.ts";

const page = join(import.meta.dirname, "../../docs/benchmarks.md");
const photoSizes: Readonly<Record<string, readonly [number, number]>> = {
  2: [1632, 1224],
  12: [4000, 3000],
};
const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    passes: { type: "string", default: "4" },
    models: { type: "string", default: "n,m" },
    megapixels: { type: "string", default: "2,12" },
    threads: { type: "string", default: `${availableParallelism()}` },
    "sliced-model": { type: "string" },
    quick: { type: "boolean", default: false },
    write: { type: "boolean", default: false },
  },
});
const quick = { rounds: "1", passes: "1", models: "n", megapixels: "2" };
const {
  rounds,
  passes,
  models,
  megapixels: sizes,
} = options.quick ? { ...options, ...quick } : options;
const turns = { rounds: Number(rounds), warmUp: !options.quick };
const confidence = 0.25;
/** The input that a 4:3 photo needs. */
const inputHw = [480, 640] as const;
const threads = Number(options.threads);
const sharedModel = fileURLToPath(
  new URL("../../../shared/fixtures/models/plants-det.pt", import.meta.url),
);
const slicedModel = options["sliced-model"] ?? (existsSync(sharedModel) ? sharedModel : undefined);

const found = makePython();
if ("missing" in found) {
  console.log(`The peers were not measured, for want of their Python: ${found.missing}`);
} else {
  // Fewer threads than cores, for all alike: also for those that cannot be asked to.
  if (threads < availableParallelism()) {
    execFileSync("taskset", ["-c", "-p", `0-${threads - 1}`, `${process.pid}`]);
  }
  const parts: string[] = [];
  for await (const part of benchPeers(found.python)) {
    parts.push(part);
    console.log(`${part}\n`);
  }
  if (options.write) writeIntoPage(parts.join("\n\n"));
}

/** The paragraphs of the page, as they come. */
async function* benchPeers(python: string): AsyncGenerator<string> {
  yield describeRun(python);
  await using redis = await openRedis().catch((error: Error) => {
    console.error(`Without Redis, and so without workers: ${error.message}`);
    return undefined;
  });
  for (const model of models.split(",")) {
    const name = model.length === 1 ? `yolo11${model}` : model;
    const folder = await prepareWhole(python, name);
    for (const megapixels of sizes.split(",")) {
      const photos = await makePhotos(
        join(peersFolder, "photos", megapixels),
        photoSizes[megapixels]!,
      );
      const settings = { photos, passes: Number(passes), confidence, imageSize: inputHw };
      const place = { python, folder, threads, settings, redis: redis?.url };
      const rows = await inTurns(wholeContenders(place), turns);
      yield `#### ${name.replace("yolo", "YOLO")}, photos of ${megapixels} megapixels`;
      yield markdownTable(rows);
    }
  }
  if (slicedModel === "none") return;
  const sliced = await prepareSliced(python);
  const rows = await inTurns(slicedContenders(sliced), turns);
  const network = slicedModel === undefined ? "YOLO11n, random weights" : basename(slicedModel);
  yield `#### ${network}, a photo of 12 megapixels in slices of ${sliced.settings.slice}`;
  yield markdownTable(rows);
}

/** Makes a model of random weights. Returns its folder. */
async function prepareWhole(python: string, name: string): Promise<string> {
  const folder = join(peersFolder, "models", name);
  const photos = await makePhotos(join(peersFolder, "photos/2"), photoSizes["2"]!);
  const yaml = `${name}.yaml`;
  prepareModel(python, { folder, yaml, imageSize: inputHw, photos, calibration: photos });
  return folder;
}

async function prepareSliced(python: string): Promise<Place> {
  const imageSize = slicedModel === undefined ? 640 : 320;
  const name = slicedModel === undefined ? "sliced-random" : basename(slicedModel, ".pt");
  const folder = join(peersFolder, "models", name);
  const crowded = await makeCrowdedPhoto(join(peersFolder, "photos/crowded"));
  const crops = await makeCrops(join(peersFolder, `photos/crops-${imageSize}`), imageSize);
  prepareModel(python, {
    folder,
    checkpoint: slicedModel,
    yaml: "yolo11n.yaml",
    imageSize: [imageSize, imageSize],
    photos: crops.slice(0, 8),
    calibration: crops,
  });
  const settings = {
    photos: [crowded],
    passes: Number(passes),
    confidence,
    imageSize,
    slice: imageSize,
  };
  return { python, folder, threads, settings };
}

interface ModelWork {
  readonly folder: string;
  /** A model to take. Default: `yaml` with random weights. */
  readonly checkpoint?: string | undefined;
  readonly yaml: string;
  readonly imageSize: readonly [height: number, width: number];
  /** On which random weights find a few objects. */
  readonly photos: readonly string[];
  readonly calibration: readonly string[];
}

/** Makes the files of a model that are missing, and our int8 as the sources have it now. */
function prepareModel(python: string, work: ModelWork): void {
  console.error(`Preparing ${work.folder}: minutes the first time …`);
  const { status, stdout, stderr } = spawnSync(
    python,
    [join(import.meta.dirname, "prepare.py"), JSON.stringify(work)],
    { encoding: "utf8", env: peersEnvironment },
  );
  if (status !== 0) throw new Error(`preparing failed with ${status}: ${stdout}${stderr}`);
  quantize(work);
}

/** Random weights prove nothing about counts, so the network is written whatever the check says. */
function quantize({ folder, imageSize, calibration }: ModelWork): void {
  const file = join(folder, int8File);
  rmSync(file, { force: true });
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url)),
      ...["quantize", join(folder, "model.pt"), file, "--image-size", imageSize.join("x")],
      ...["--force", "--photos", ...calibration],
    ],
    { encoding: "utf8", env: peersEnvironment },
  );
  if (status !== 0) console.error(`No row of our int8: ${stderr.trim()}`);
}

/** Which machine, which versions, how much else it had to do. */
function describeRun(python: string): string {
  const load = loadavg()[0]!;
  return [
    `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim()}`,
    `${cpus().length} cores (${vectorUnits()}), ${threads} used`,
    `${(totalmem() / 2 ** 30).toFixed(0)} GiB; load of the machine before the start ` +
      `${load.toFixed(1)}; rounds: ${rounds}. ` +
      `Node ${process.version}, ONNX Runtime ${onnxRuntime.version}; ${peerVersions(python)}.`,
  ].join(", ");
}

/** What decides how fast int8 is: `AVX2, no VNNI`. */
function vectorUnits(): string {
  if (process.platform !== "linux") return process.arch;
  const flags = readFileSync("/proc/cpuinfo", "utf8");
  const widest = /\bavx512f\b/.test(flags)
    ? "AVX-512"
    : /\bavx2\b/.test(flags)
      ? "AVX2"
      : process.arch;
  return `${widest}, ${/vnni/.test(flags) ? "" : "no "}VNNI`;
}

function writeIntoPage(text: string): void {
  const old = readFileSync(page, "utf8");
  const section = /(<!-- peers -->\n).*(<!-- \/peers -->)/s;
  writeFileSync(
    page,
    old.replace(section, (_, start, end) => `${start}${text}\n${end}`),
  );
}
