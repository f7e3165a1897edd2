import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { readModel } from "../src/graph/onnx/model-reader.ts";
import { silentLogger } from "../src/logger.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { openObservedModel } from "../src/models/calibration/observed-model.ts";
import { identifyModelFile } from "../src/models/files/model-file.ts";
import { tryInt8 } from "../src/pipeline/precision/int8-trial.ts";
import type { PrecisionProof } from "../src/pipeline/precision/precision-proof.ts";
import { matchBoxes } from "../src/vision/boxes/match-boxes.ts";
import { CliFolder, examplePhotos } from "./cli.fixture.ts";

const fixtures = fileURLToPath(new URL("../../shared/fixtures/", import.meta.url));
const skip = !existsSync(fixtures) && "../shared/fixtures not present";
const fixture = (name: string) => join(fixtures, name);

/** Makes a network that int8 destroys: the sample model is not learned, and needs exact numbers. */
const destroyed = ["--photos", examplePhotos, "--image-size", "320", "--samples", "4"];

/** A part of a photo takes less time. */
async function crop(photo: string, [width, height]: readonly [number, number]) {
  const part = { left: 200, top: 160, width, height };
  return await sharp(photo).extract(part).jpeg({ quality: 95 }).toBuffer();
}

describe("orangery quantize", () => {
  let folder: CliFolder;
  before(async () => {
    folder = await CliFolder.create();
  });
  after(() => folder[Symbol.asyncDispose]());

  test("writes no file where int8 does not count as float32 does, and shows both", async () => {
    const { status, stdout, stderr } = await folder.run(
      ...["quantize", "sample:seedlings", "no.onnx"],
      ...destroyed,
    );
    assert.equal(status, 3);
    assert.match(stdout, /^objects +\d+ +\d+ +[-+\d.]+ %, [\d.]+ % matched$/m);
    assert.match(stdout, /^worst photo +\d+ +\d+ .*\.jpg$/m);
    const counts = /got (\d+) objects against (\d+): .* \[PRECISION_REFUSED\]/.exec(stderr)!;
    assert.notEqual(counts[1], counts[2]);
    assert.ok(!(await readdir(folder.path)).includes("no.onnx"));
  });

  test("writes it all the same with --force, and the file has the proof", async () => {
    const { status, stdout } = await folder.run(
      ...["quantize", "sample:seedlings", "forced.onnx", "--force", "--json"],
      ...destroyed,
    );
    assert.equal(status, 0);
    const { written, refused, proof, path } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([written, path], [true, join(folder.path, "forced.onnx")]);
    assert.match(String(refused), /the total moves by/);
    const { metadata, inputs } = readModel(await readFile(join(folder.path, "forced.onnx")));
    assert.equal(metadata.get("orangery.precision"), "int8");
    const { objects, worst } = JSON.parse(metadata.get("orangery.proof")!) as PrecisionProof;
    assert.deepEqual(objects, (proof as PrecisionProof).objects);
    assert.doesNotMatch(worst.photo, /\//);
    assert.equal(inputs[0]!.elementType, "float32");
    const info = await folder.run("info", "forced.onnx");
    assert.match(info.stdout, /, int8$/m);
    assert.match(info.stdout, /proof +\d+ objects against \d+ in float32 on 2 photos/);
    const again = await folder.run("quantize", "forced.onnx", "twice.onnx", ...destroyed);
    assert.match(again.stderr, /quantised already.*\[MODEL_NOT_QUANTIZABLE\]/);
    const text = await folder.run(
      ...["quantize", "sample:seedlings", "forced.onnx", "--force"],
      ...destroyed,
    );
    assert.match(
      text.stdout,
      /^Written all the same, though the total moves by .*\.\nWrote forced/m,
    );
  });

  test("never writes over the model or a photo, and needs photos", async () => {
    const model = join(folder.path, "model.onnx");
    const photo = join(folder.path, "photo.jpg");
    await copyFile(
      fileURLToPath(new URL("../src/models/samples/beds.onnx", import.meta.url)),
      model,
    );
    await copyFile(join(examplePhotos, "tray-1.jpg"), photo);
    const refused = async (...args: readonly string[]) => {
      const { status, stderr } = await folder.run("quantize", ...args);
      assert.equal(status, 2);
      return stderr;
    };
    const photos = ["--photos", folder.path];
    assert.match(await refused(model, "./model.onnx", ...photos), /is the model itself/);
    assert.match(await refused(model, photo, ...photos), /is a JPEG picture/);
    assert.match(await refused(model, "/dev/null", ...photos), /device, pipe or socket/);
    assert.match(await refused(model, "out.onnx"), /'--photos <place...>' or '--from-file/);
    assert.deepEqual(await readFile(photo), await readFile(join(examplePhotos, "tray-1.jpg")));
  });

  test("writes float16 that counts as float32 does, without calibrating", async () => {
    const { status, stdout } = await folder.run(
      ...["quantize", "sample:seedlings", "half.onnx", "--precision", "float16", "--checks", "1"],
      ...["--photos", examplePhotos, "--image-size", "320", "--device", "cpu", "--json"],
    );
    assert.equal(status, 0);
    const { proof } = JSON.parse(stdout) as { readonly proof: PrecisionProof };
    const { precision, device, calibratedOn, checkedOn, objects } = proof;
    assert.deepEqual([precision, device, calibratedOn, checkedOn], ["float16", "cpu", 0, 1]);
    assert.ok(objects.float32 > 0 && objects.tried === objects.float32);
    const { metadata, inputs } = readModel(await readFile(join(folder.path, "half.onnx")));
    assert.equal(metadata.get("orangery.precision"), "float16");
    assert.equal(inputs[0]!.elementType, "float32");
  });

  test("refuses one photo with a sentence, and a folder that is missing before any work", async () => {
    const photos = ["--photos", join(examplePhotos, "tray-1.jpg"), "--force"];
    const one = await folder.run("quantize", "sample:seedlings", "one.onnx", ...photos);
    assert.deepEqual([one.status, one.stdout], [3, ""]);
    assert.match(one.stderr, /got 1\. Give .* Nothing was written\. \[PRECISION_REFUSED\]/);
    const missing = await folder.run("quantize", "sample:seedlings", "no/one.onnx", ...photos);
    assert.equal(missing.status, 1);
    assert.match(missing.stderr, /got ENOENT.*\[NOT_WRITABLE\]/);
    assert.doesNotMatch(missing.stderr, /Looking at/);
    await writeFile(join(folder.path, "file"), "");
    const below = await folder.run("quantize", "sample:seedlings", "file/one.onnx", ...photos);
    assert.equal(below.status, 1);
    assert.match(below.stderr, /got ENOTDIR.*\[NOT_WRITABLE\]/);
  });

  test("refuses a device that int8 is not for, before any work", async () => {
    const { status, stderr } = await folder.run(
      ...["quantize", "sample:seedlings", "gpu.onnx", "--device", "cuda:0", ...destroyed],
    );
    assert.equal(status, 2);
    assert.match(stderr, /Expected int8 on the CPU or by OpenVINO, got the device cuda:0/);
  });

  test("names photos that cannot be read, and neither calibrates nor checks on them", async () => {
    const photos = join(folder.path, "some-broken");
    await mkdir(photos);
    for (const name of ["tray-1.jpg", "tray-2.jpg"]) {
      const bytes = await readFile(join(examplePhotos, name));
      await writeFile(join(photos, name), bytes);
      await writeFile(join(photos, `copy-of-${name}`), bytes);
    }
    const whole = await readFile(join(examplePhotos, "tray-3.jpg"));
    await writeFile(join(photos, "cut.jpg"), whole.subarray(0, whole.length / 2));
    await writeFile(join(photos, "no-photo.jpg"), "no photo");
    const args = ["quantize", "sample:seedlings", "some.onnx", "--photos", photos, "--force"];
    args.push("--image-size", "128");
    const { status, stdout, stderr } = await folder.run(...args, "--json");
    assert.equal(status, 0, stderr);
    const { proof, unused } = JSON.parse(stdout) as {
      readonly proof: PrecisionProof;
      readonly unused: readonly { photo: string; error?: { code: string }; sameAs?: string }[];
    };
    assert.deepEqual([proof.calibratedOn, proof.checkedOn], [1, 1]);
    const [copies, broken] = [true, false].map((isCopy) =>
      unused.filter(({ sameAs }) => (sameAs !== undefined) === isCopy),
    );
    assert.deepEqual(broken!.map(({ photo, error }) => [basename(photo), error!.code]).sort(), [
      ["cut.jpg", "PHOTO_UNREADABLE"],
      ["no-photo.jpg", "PHOTO_UNREADABLE"],
    ]);
    assert.equal(copies!.length, 2);
    assert.match(stderr, /^Left out: some-broken\/cut\.jpg: .*\[PHOTO_UNREADABLE\]$/m);
    assert.match(stderr, /^Left out: some-broken\/no-photo\.jpg: .*\[PHOTO_UNREADABLE\]$/m);
    assert.match(stderr, /^Left out: 2 copies of others$/m);
    const text = await folder.run(...args);
    assert.match(text.stdout, /^Calibrated on 1 photo and checked on 1 other\n/);
  });

  test("refuses photos that are all the same, with the reason", async () => {
    const photos = join(folder.path, "copies");
    await mkdir(photos);
    for (let index = 0; index < 8; index++) {
      await copyFile(join(examplePhotos, "tray-1.jpg"), join(photos, `${index}.jpg`));
    }
    const args = ["quantize", "sample:seedlings", "same.onnx", "--photos", photos, "--force"];
    const { status, stdout, stderr } = await folder.run(...args, "--json");
    assert.equal(status, 3);
    assert.match(stderr, /got 8, of which 1 can be used: 7 are copies of others\. Give 20 or more/);
    const { written, unused } = JSON.parse(stdout) as { written: boolean; unused: unknown[] };
    assert.deepEqual([written, unused.length], [false, 7]);
  });
});

describe("a trained model in float16", { skip }, () => {
  test("finds what it finds in float32, from its .pt and from its ONNX, and says what the CPU gains", async () => {
    const photo = await crop(fixture("photos/tray-1.jpg"), [500, 500]);
    for (const name of ["models/plants-det.pt", "models/plants-det.onnx"]) {
      const file = fixture(name);
      const warnings: string[] = [];
      const logger = { ...silentLogger, warn: (_: object, text: string) => warnings.push(text) };
      await using cache = new ModelCache({
        models: { float32: file, float16: { file, precision: "float16" } },
        device: "cpu",
        logger,
      });
      await using one = await cache.acquire("float32");
      await using other = await cache.acquire("float16");
      assert.deepEqual([one.model.precision, other.model.precision], ["float32", "float16"]);
      assert.notEqual(one.model.identity, other.model.identity);
      assert.deepEqual(warnings.filter((text) => text.startsWith("float16 is for GPUs")).length, 1);
      const { detections: expected } = await one.model.predict(photo);
      const { detections: found } = await other.model.predict(photo);
      assert.ok(expected.length > 20);
      assert.equal(found.length, expected.length);
      const pairs = matchBoxes(found.boxesXyxy, expected.boxesXyxy);
      for (const [index, pair] of pairs.entries()) {
        assert.ok(pair >= 0);
        assert.ok(Math.abs(found.scores[index]! - expected.scores[pair]!) < 0.01);
        for (let side = 0; side < 4; side++) {
          const [px, wantedPx] = [
            found.boxesXyxy[4 * index + side]!,
            expected.boxesXyxy[4 * pair + side]!,
          ];
          assert.ok(Math.abs(px - wantedPx) < 1, `${px} and ${wantedPx} px`);
        }
      }
    }
  });

  test("is refused where it is also calibrated for int8", async () => {
    const calibration = { method: "extremes", model: "m", network: "n", ranges: "" } as const;
    const model = {
      file: fixture("models/plants-det.pt"),
      precision: "float16",
      calibration,
    } as const;
    await using cache = new ModelCache({ models: { model }, device: "cpu" });
    await assert.rejects(cache.acquire("model"), /a precision or a calibration .* got both/);
  });
});

describe("a trained model in int8", { skip }, () => {
  test("counts in slices and in regions as it does in float32", async () => {
    const photos = ["empty-soil", "tray-1", "tray-2", "tray-3", "tray-4", "tray-5"].map((name) =>
      fixture(`photos/${name}.jpg`),
    );
    const { proof } = await tryInt8({
      count: {
        detect: { file: fixture("models/plants-det.pt") },
        segment: { file: fixture("models/beds-seg.pt") },
        slicing: { slice: 320 },
      },
      photos,
      read: (photo) => readFile(photo),
      samples: 32,
      checks: 2,
    });
    assert.ok(proof.objects.float32 > 100);
    assert.ok(Math.abs(proof.totalChange) <= 0.005, `${proof.totalChange}`);
    assert.ok(proof.matchedShare >= 0.98, `${proof.matchedShare}`);
    assert.ok(proof.regionIou! >= 0.95, `${proof.regionIou}`);
  });

  test("finds the same from its .pt and from its float32 ONNX, within rounding, and by its own calibration only", async () => {
    const photo = await crop(fixture("photos/tray-1.jpg"), [500, 500]);
    const detect = async (name: string) => {
      const file = fixture(name);
      await using observed = await openObservedModel(await identifyModelFile(file));
      await observed.model.predict(photo);
      const calibration = observed.calibration("extremes");
      await using cache = new ModelCache({
        models: { int8: { file, calibration }, float32: file },
        device: "cpu",
      });
      const ofOther = { ...calibration, model: "0".repeat(64) };
      cache.add("other", { file, calibration: ofOther });
      await assert.rejects(cache.acquire("other"), { code: "CALIBRATION_UNFIT" });
      const found = async (model: string) => {
        await using lease = await cache.acquire(model);
        const { detections } = await lease.model.predict(photo);
        return { detections, precision: lease.model.precision };
      };
      const [int8, float32] = [await found("int8"), await found("float32")];
      assert.deepEqual([int8.precision, float32.precision], ["int8", "float32"]);
      assert.notDeepEqual(int8.detections.scores, float32.detections.scores);
      return int8.detections;
    };
    const [ofCheckpoint, ofOnnx] = [
      await detect("models/plants-det.pt"),
      await detect("models/plants-det.onnx"),
    ];
    const pairs = matchBoxes(ofCheckpoint.boxesXyxy, ofOnnx.boxesXyxy);
    const matched = pairs.filter((pair) => pair >= 0).length;
    assert.ok(ofOnnx.length > 20, `${ofOnnx.length} were found`);
    assert.ok(Math.abs(ofOnnx.length - ofCheckpoint.length) <= 2, `${ofCheckpoint.length}`);
    assert.ok(matched >= ofOnnx.length - 2, `${matched} of ${ofOnnx.length} match`);
  });
});
