import assert from "node:assert/strict";
import { describe, test } from "node:test";
import sharp from "sharp";
import { isOrangeryError } from "../../errors.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { readWholeModel } from "../../graph/onnx/whole-model.ts";
import { ModelFolder, tinyYolo } from "../../models/yolo/tiny-yolo.fixture.ts";
import { type CountOptions, recipeOf } from "../recipe/count-recipe.ts";
import { tryInt8 } from "./int8-trial.ts";
import { type SettleOptions, settlePrecision } from "./settle-precision.ts";

const sha256 = { detect: "d".repeat(64), segment: undefined };
const calibration = { method: "extremes", model: "m", network: "n", ranges: "AAAA" } as const;
const asked: CountOptions = { detect: { file: "/m/plants.pt" }, slicing: { slice: 320 } };
const inInt8: CountOptions = { ...asked, detect: { ...asked.detect, calibration } };
const inFloat16: CountOptions = { ...asked, detect: { ...asked.detect, precision: "float16" } };
/** A device that this platform never has. */
const otherPlatforms = process.platform === "win32" ? "coreml" : "directml:0";

const recipe = (count: CountOptions) => recipeOf(count, sha256).recipe;
const noPhotos = async () => [];

async function settle(options: Partial<SettleOptions>) {
  return await settlePrecision({
    precision: "auto",
    made: { count: asked, sha256 },
    readKnown: async () => [],
    device: "cpu",
    listPhotos: noPhotos,
    read: async () => assert.fail("no photo is to be read"),
    ...options,
  });
}

describe("the precision of a job", () => {
  test("is float32 where that is asked for, whatever results exist", async () => {
    const { precision, count } = await settle({
      precision: "float32",
      readKnown: async () => [recipe(inInt8)],
    });
    assert.deepEqual([precision, count], ["float32", asked]);
  });

  for (const precision of ["int8", "auto"] as const) {
    test(`is that of results in int8, with their ranges, for ${precision}`, async () => {
      const settled = await settle({
        precision,
        readKnown: async () => [recipe(asked), recipe(inInt8)],
      });
      assert.equal(settled.precision, "int8");
      assert.equal(recipe(settled.count).hash, recipe(inInt8).hash);
    });
  }

  for (const precision of ["float16", "auto"] as const) {
    test(`is that of results in float16 on a GPU, for ${precision}`, async () => {
      const settled = await settle({
        precision,
        device: "cuda:0",
        readKnown: async () => [recipe(asked), recipe(inFloat16), recipe(inInt8)],
      });
      assert.equal(settled.precision, "float16");
      assert.equal(recipe(settled.count).hash, recipe(inFloat16).hash);
    });
  }

  test("is float16 on the CPU only where that is asked for", async () => {
    const readKnown = async () => [recipe(inFloat16)];
    assert.equal((await settle({ precision: "float16", readKnown })).precision, "float16");
    const { precision, reason } = await settle({ readKnown });
    assert.deepEqual([precision, reason.split(" ")[0]], ["float32", "int8"]);
  });

  test("is that of the CPU for auto where the GPU cannot be used", async () => {
    const detect = { file: "sample:beds" };
    const { precision } = await settle({
      made: { count: { detect }, sha256 },
      device: otherPlatforms,
      listPhotos: async () => Array.from({ length: 12 }, (_, i) => `${i}.jpg`),
      readKnown: async () => [recipe({ detect: { ...detect, calibration } })],
    });
    assert.equal(precision, "int8");
  });

  test("is that of the newest results for auto", async () => {
    const { precision } = await settle({ readKnown: async () => [recipe(inInt8), recipe(asked)] });
    assert.equal(precision, "float32");
  });

  test("is float32 for auto where a dozen photos are copies of a few", async () => {
    const background = (index: number) => ({ r: 40 * index, g: 90, b: 60 });
    const three = await Promise.all(
      [0, 1, 2].map((index) =>
        sharp({ create: { width: 64, height: 64, channels: 3, background: background(index) } })
          .jpeg()
          .toBuffer(),
      ),
    );
    const { precision, reason } = await settle({
      made: { count: { detect: { file: "sample:seedlings" } }, sha256 },
      listPhotos: async () => Array.from({ length: 12 }, (_, index) => `${index}.jpg`),
      read: async (name) => three[Number.parseInt(name, 10) % 3]!,
    });
    assert.equal(precision, "float32");
    assert.match(reason, /^too few different photos can be read to try int8/);
  });

  test("is float32 for auto where only ONNX Runtime reads all of a model's file", async () => {
    await using folder = await ModelFolder.create();
    const model = readWholeModel(tinyYolo());
    const [first, ...others] = model.graph.nodes;
    const graph = { ...model.graph, nodes: [{ ...first!, domain: "com.microsoft" }, ...others] };
    const file = await folder.write("other.onnx", serializeModel({ ...model, graph }));
    const { precision, reason } = await settle({
      made: { count: { detect: { file } }, sha256 },
      listPhotos: async () => Array.from({ length: 12 }, (_, index) => `${index}.jpg`),
    });
    assert.equal(precision, "float32");
    assert.equal(reason, "parts of a model's file are read by ONNX Runtime only, not for int8");
  });

  test("is that of another run that settled it during the trial", async () => {
    const recipes = [[], [recipe(inInt8)]];
    const { precision, count } = await settle({ readKnown: async () => recipes.shift()! });
    assert.deepEqual([precision, count.detect.calibration], ["int8", calibration]);
  });

  test("is not that of results of another recipe", async () => {
    const other = { ...inInt8, slicing: { slice: 640 } };
    const { precision, reason } = await settle({ readKnown: async () => [recipe(other)] });
    assert.equal(precision, "float32");
    assert.match(reason, /tried on 12 photos or more, not on 0/);
  });

  test("is that of a recipe's file", async () => {
    const settled = await settle({ precision: "float32", made: { count: inInt8, sha256 } });
    assert.deepEqual([settled.precision, settled.count], ["int8", inInt8]);
  });

  test("is refused for int8 on a GPU, and is float32 or float16 there for auto", async () => {
    await assert.rejects(settle({ precision: "int8", device: "cuda:0" }), (error) =>
      isOrangeryError(error, "INVALID_ARGUMENT"),
    );
    const readKnown = async () => [recipe(inInt8)];
    const { precision, reason } = await settle({ device: "cuda:0", readKnown });
    assert.equal(precision, "float32");
    assert.match(reason, /^float16 is tried on 12 photos or more, not on 0$/);
  });

  test("is not settled by a trial whose tolerance is no number", async () => {
    const read = async () => assert.fail("no photo is to be read");
    const trial = tryInt8({ count: asked, photos: [], read, tolerance: Number.NaN });
    await assert.rejects(trial, /Expected `tolerance` to be a number from 0 up/);
  });

  test("is refused where its name is none", async () => {
    await assert.rejects(settle({ precision: "int4" as never }), /Expected `precision` to be/);
  });
});
