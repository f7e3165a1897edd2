/**
 * Checkpoints on the way that a user takes: cache, command line, export. They are small networks
 * with random weights, written here, so that these tests run wherever the project does.
 */
import assert from "node:assert/strict";
import { copyFile, readdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeCheckpoint } from "../src/checkpoint/checkpoint-writer.fixture.ts";
import { dict } from "../src/checkpoint/pickle/pickle-writer.fixture.ts";
import { writeYoloCheckpoint, yoloModel } from "../src/checkpoint/yolo/network-writer.fixture.ts";
import { readModel } from "../src/graph/onnx/model-reader.ts";
import { randomYolo } from "../src/graph/yolo/random-yolo.fixture.ts";
import { isOrangeryError, ModelCache } from "../src/index.ts";
import { decodePicture } from "../src/vision/photo/decode-picture.ts";
import { CliFolder, jsonLines } from "./cli.fixture.ts";

const photo = new URL("../examples/photos/tray-1.jpg", import.meta.url);
const names = ["basil", "thyme"];
const networkOf = (task: "detect" | "segment", seed: number) =>
  randomYolo({
    family: "11",
    scale: "n",
    narrow: true,
    task,
    classCount: names.length,
    seed,
  });
/** Random networks are sure of nothing. */
const confidence = 0.001;

let folder: CliFolder;
let detect: string;
let segment: string;
let previousCache: string | undefined;
before(async () => {
  folder = await CliFolder.create();
  previousCache = process.env.ORANGERY_CACHE;
  process.env.ORANGERY_CACHE = join(folder.path, ".cache");
  detect = join(folder.path, "detect.pt");
  segment = join(folder.path, "segment.pt");
  const options = { names, imageSize: 320 };
  await writeFile(detect, writeYoloCheckpoint({ network: networkOf("detect", 1), ...options }));
  await writeFile(segment, writeYoloCheckpoint({ network: networkOf("segment", 1), ...options }));
});
after(async () => {
  if (previousCache === undefined) delete process.env.ORANGERY_CACHE;
  else process.env.ORANGERY_CACHE = previousCache;
  await folder[Symbol.asyncDispose]();
});

const cacheOf = (models: Record<string, string>) =>
  new ModelCache({ models, device: "cpu", reloadCheckMs: 0 });

/** Runs `orangery … --json` and gives the first line of what it prints. */
async function json(...args: string[]) {
  const { stdout, stderr, status } = await folder.run(...args, "--json");
  assert.equal(status, 0, stderr);
  return jsonLines(stdout)[0]!;
}

interface Found {
  readonly name: string;
  readonly score: number;
  readonly boxXyxy: readonly number[];
}

describe("ModelCache with checkpoints", () => {
  test("loads them under `detect` and `segment`, and saves each for the next load", async () => {
    for (const expected of [false, true]) {
      await using cache = cacheOf({ detect, segment });
      const fromArtifact: boolean[] = [];
      cache.on("model:load", (event) => fromArtifact.push(event.fromArtifact));
      await using detector = await cache.acquire("detect");
      await using segmenter = await cache.acquire("segment");
      assert.deepEqual(fromArtifact, [expected, expected]);
      assert.deepEqual([detector.model.task, segmenter.model.task], ["detect", "segment"]);
      assert.deepEqual(detector.model.names, names);
      const { detections } = await segmenter.model.predict(photo, {
        confidence,
        maskSize: "input",
      });
      assert.ok(detections.length > 0);
      assert.equal(detections.masks?.length, detections.length);
    }
  });

  test("takes a photo of 4:3 in an input of 4:3", async () => {
    await using cache = cacheOf({ segment });
    await using lease = await cache.acquire("segment");
    assert.deepEqual([lease.model.freeSize, lease.model.defaultSizeHw], [true, [320, 320]]);
    for (const [imageSize, sizeWh] of [
      [undefined, [320, 256]],
      [160, [160, 128]],
      [
        [96, 320],
        [128, 96],
      ],
    ] as const) {
      const options = { confidence, imageSize, maskSize: "input" } as const;
      const { detections } = await lease.model.predict(photo, options);
      const { widthPx, heightPx } = detections.masks![0]!;
      assert.deepEqual([widthPx, heightPx], sizeWh);
    }
  });

  test("finds in a batch what it finds one by one", async () => {
    await using cache = cacheOf({ detect });
    await using lease = await cache.acquire("detect");
    assert.ok(lease.model.largestBatch > 1);
    const pictures = await Promise.all(
      [1, 2, 3].map((tray) => decodePicture(new URL(`tray-${tray}.jpg`, photo))),
    );
    const together = await lease.model.predictBatch(pictures, { confidence });
    for (const [index, picture] of pictures.entries()) {
      const alone = await lease.model.predict(picture, { confidence });
      assertSameFound([...together[index]!.detections], [...alone.detections]);
    }
  });

  test("loads a checkpoint again that has changed", async () => {
    const path = join(folder.path, "changing.pt");
    await copyFile(detect, path);
    await using cache = cacheOf({ detect: path });
    await using first = await cache.acquire("detect");
    const part = join(folder.path, "changed.part");
    await writeFile(part, writeYoloCheckpoint({ network: networkOf("detect", 2), names }));
    await rename(part, path);
    const loaded = Promise.withResolvers<void>();
    cache.on("model:load", () => loaded.resolve());
    await using _ = await cache.acquire("detect");
    await loaded.promise;
    await using lease = await cache.acquire("detect");
    assert.notEqual(lease.model.sha256, first.model.sha256);
    assert.deepEqual(lease.model.defaultSizeHw, [640, 640]);
  });

  test("refuses a detector under the name `segment`, and other tasks by their name", async () => {
    await using cache = cacheOf({ segment: detect, pose: await writePose() });
    await assert.rejects(cache.acquire("segment"), (error) =>
      isOrangeryError(error, "MODEL_WRONG_TASK"),
    );
    await assert.rejects(cache.acquire("pose"), (error) => {
      assert.ok(isOrangeryError(error, "CHECKPOINT_UNSUPPORTED"), String(error));
      return /The task pose is not supported yet/.test(error.message);
    });
  });
});

describe("the command line with checkpoints", () => {
  test("predict and info take one", async () => {
    const { model, detections } = await json(...predictArgs("detect.pt"));
    assert.equal((model as { task: string }).task, "detect");
    assert.ok((detections as Found[]).length > 0);
    const facts = await json("info", "detect.pt");
    assert.deepEqual(
      [facts.format, facts.task, facts.names, facts.imageSizeHw, facts.layers, facts.description],
      ["checkpoint", "detect", names, [320, 320], 24, "YOLO11n, trained on plants.yaml"],
    );
  });

  test("run counts with one on the slices of a photo", async () => {
    const options = ["--slice", "640", "--confidence", `${confidence}`, "--out", "sliced.db"];
    const args = ["run", fileOf(photo), "--detect", "detect.pt", "--device", "cpu", ...options];
    const { status, stderr } = await folder.run(...args);
    assert.equal(status, 0, stderr);
    const [{ slices, objects }] = folder.query(
      "SELECT slice_count AS slices, object_count AS objects FROM result",
      "sliced.db",
    ) as [{ slices: number; objects: number }];
    assert.ok(slices > 1, `${slices} slices`);
    assert.ok(objects > 0, `${objects} objects`);
  });

  test("warns of a saved model that is damaged, also when quiet, and prints no more than asked", async () => {
    const artifacts = join(folder.path, ".cache/artifacts");
    const damaged =
      /^detect\.pt: a saved model is damaged .* made again \(its contents have changed .*\)$/m;
    const out = ["--out", "warned.db", "--json"];
    for (const args of [
      [...predictArgs("detect.pt"), "--json"],
      ["run", fileOf(photo), "--detect", "detect.pt", "--device", "cpu", "--quiet", ...out],
    ]) {
      await json(...predictArgs("detect.pt"));
      for (const key of await readdir(artifacts)) {
        await truncate(join(artifacts, key, "model.ort"), 100_000);
      }
      const { stdout, stderr, status } = await folder.run(...args);
      assert.equal(status, 0, stderr);
      assert.match(stderr, damaged);
      assert.equal(stderr.split("\n").length, 2, stderr);
      assert.ok(jsonLines(stdout).length > 0);
    }
  });

  test("prints nothing of a file that a terminal would act on", async () => {
    const odd = ["\x1b[31mred", "two\nlines"];
    const path = join(folder.path, "odd\x1b[31m.pt");
    const network = networkOf("detect", 1);
    await writeFile(path, writeYoloCheckpoint({ network, names: odd, imageSize: 320 }));
    const name = "\x1b[32m\n.jpg";
    await copyFile(photo, join(folder.path, name));
    await writeFile(join(folder.path, "\x1b[33m\n.png"), "no photo");
    const options = ["--confidence", `${confidence}`, "--device", "cpu"];
    for (const [args, expected] of [
      [["predict", name, "\x1b[33m\n.png", "--model", path, ...options], 3],
      [["run", folder.path, "--detect", path, "--out", "odd.db", ...options], 3],
    ] as const) {
      const { stdout, stderr, status } = await folder.run(...args);
      assert.equal(status, expected, stderr);
      assert.equal((stdout + stderr).includes("\x1b"), false);
      assert.match(stdout, /�\[32m�\.jpg/);
      assert.match(stdout, /�\[31mred/);
      assert.match(stdout + stderr, /�\[33m�\.png/);
    }
    const missing = await folder.run("info", "\x1b[34m.pt");
    assert.match(missing.stderr, /�\[34m\.pt/);
    assert.equal(missing.stderr.includes("\x1b"), false);
  });

  test("names the task that is not supported", async () => {
    await writePose();
    const { status, stderr } = await folder.run(...predictArgs("pose.pt"));
    assert.equal(status, 1);
    assert.match(stderr, /The task pose is not supported yet.*\[CHECKPOINT_UNSUPPORTED\]/);
  });

  /** What each checkpoint finds, by its task. */
  const found = new Map<string, Found[]>();
  for (const [what, args, like] of [
    ["of the photo's shape", ["--image-size", "256x320"], {}],
    ["of free size", ["--image-size", "dynamic"], {}],
    // Half precision has 11 bits.
    ["of half precision", ["--image-size", "256x320", "--half"], { tolerance: 0.01, except: 0.1 }],
  ] as const) {
    test(`an export ${what} finds what its checkpoint finds`, async () => {
      for (const task of ["detect", "segment"]) {
        await json("export", `${task}.pt`, `${task}.onnx`, ...args);
        const { metadata } = readModel(await readFile(join(folder.path, `${task}.onnx`)));
        assert.deepEqual(
          [metadata.get("task"), metadata.get("names"), metadata.get("version")],
          [task, "{0: 'basil', 1: 'thyme'}", "8.4.126"],
        );
        if (!found.has(task)) {
          found.set(task, (await json(...predictArgs(`${task}.pt`))).detections as Found[]);
        }
        const exported = await json(...predictArgs(`${task}.onnx`));
        assertSameFound(exported.detections as Found[], found.get(task)!, like);
      }
    });
  }
});

function predictArgs(model: string): string[] {
  const options = ["--confidence", `${confidence}`, "--device", "cpu"];
  return ["predict", fileOf(photo), "--model", model, ...options];
}

function fileOf(url: URL): string {
  return fileURLToPath(url);
}

/** Writes a checkpoint that says that it is for poses. */
async function writePose(): Promise<string> {
  const path = join(folder.path, "pose.pt");
  const model = yoloModel("ultralytics.nn.tasks.PoseModel", { network: networkOf("detect", 1) });
  await writeFile(path, writeCheckpoint(dict({ model })));
  return path;
}

/**
 * Every detection has one of its name with a score within `tolerance` and a box within as much of
 * 1,600 px, except for a share: rounding may turn a close choice between two boxes.
 */
function assertSameFound(
  found: readonly Found[],
  expected: readonly Found[],
  { tolerance = 1e-4, except = 0.01 } = {},
): void {
  assert.ok(expected.length > 0);
  const isNear = (a: Found, b: Found) =>
    a.name === b.name &&
    Math.abs(a.score - b.score) <= tolerance &&
    a.boxXyxy.every((px, side) => Math.abs(px - b.boxXyxy[side]!) <= 1600 * tolerance);
  const missing = expected.filter((one) => !found.some((other) => isNear(one, other)));
  const most = except * expected.length;
  assert.ok(missing.length <= most, `${missing.length} of ${expected.length} are missing`);
  assert.ok(Math.abs(found.length - expected.length) <= most, `${found.length} are found`);
}
