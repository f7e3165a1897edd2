/** `orangery info` and `orangery export`, and checkpoints wherever a model is taken. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { copyFile, link, mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readModel } from "../src/graph/onnx/model-reader.ts";
import { CliFolder, jsonLines } from "./cli.fixture.ts";

const fixtures = new URL("../../shared/fixtures/", import.meta.url);
const fixture = (path: string) => fileURLToPath(new URL(path, fixtures));
const skip = existsSync(fixtures) ? false : "../shared/fixtures not present";
const photo = fixture("photos/tray-1.jpg");

let folder: CliFolder;
before(async () => {
  folder = await CliFolder.create();
});
after(() => folder[Symbol.asyncDispose]());

async function json(...args: string[]) {
  const { stdout, stderr, status } = await folder.run(...args, "--json");
  assert.equal(status, 0, stderr);
  const [line] = jsonLines(stdout);
  return line as Record<string, unknown> & { devices: { device: string; usable: boolean }[] };
}

describe("orangery info", () => {
  test("lists what the file of a sample model says", async () => {
    const { devices, ...facts } = await json("info", "sample:beds");
    assert.deepEqual(
      [facts.format, facts.task, facts.names, facts.author, facts.license],
      ["onnx", "segment", ["bed"], "Orangery", "MIT"],
    );
    for (const unknown of ["date", "ultralyticsVersion", "layers", "gflops"]) {
      assert.ok(!(unknown in facts), `${unknown} is left out`);
    }
    assert.ok(devices.some(({ device, usable }) => device === "cpu" && usable));
    const { stdout } = await folder.run("info", "sample:beds");
    assert.match(stdout, /^ {2}task +segment\n {2}classes +1: bed\n/m);
    assert.doesNotMatch(stdout, /undefined|NaN/);
  });

  test("of a file that is no model says what it is", async () => {
    await writeFile(join(folder.path, "picture.onnx"), "\x89PNG\r\n");
    const { stderr, status } = await folder.run("info", "picture.onnx");
    assert.equal(status, 1);
    assert.match(
      stderr,
      /Expected a YOLO checkpoint \(\.pt\) or an ONNX model .* \[MODEL_NOT_ONNX\]/,
    );
    const missing = await folder.run("info", "missing.pt");
    assert.match(missing.stderr, /\[MODEL_NOT_FOUND\]/);
  });

  test("says the same of a checkpoint and of its ONNX export", { skip }, async () => {
    for (const name of ["plants-det", "beds-seg"]) {
      const checkpoint = await json("info", fixture(`models/${name}.pt`));
      const onnx = await json("info", fixture(`models/${name}.onnx`));
      for (const key of ["task", "names", "imageSizeHw", "stride", "parameters"]) {
        assert.deepEqual(checkpoint[key], onnx[key], key);
      }
      assert.deepEqual([checkpoint.format, onnx.format], ["checkpoint", "onnx"]);
      assert.deepEqual([checkpoint.freeSize, onnx.freeSize], [true, false]);
      assert.equal(checkpoint.layers, 24);
      assert.ok((checkpoint.gflops as number) > 1);
    }
  });
});

describe("a checkpoint", { skip }, () => {
  test("under any name is taken by predict, which finds the same from its artifact", async () => {
    await copyFile(fixture("models/plants-det.pt"), join(folder.path, "model.bin"));
    const predict = async () => {
      const args = ["predict", photo, "--model", "model.bin", "--device", "cpu"];
      const { detections, model } = await json(...args);
      return { detections, model };
    };
    const first = await predict();
    assert.equal((first.model as { task: string }).task, "detect");
    assert.ok((first.detections as unknown[]).length > 0);
    assert.deepEqual(await predict(), first);
  });
});

describe("orangery export", { skip }, () => {
  const plants = fixture("models/plants-det.pt");
  const sizes: [args: string[], shape: (number | string)[], elementType: string][] = [
    [[], [1, 3, 320, 320], "float32"],
    [["--image-size", "256"], [1, 3, 256, 256], "float32"],
    [["--image-size", "192,256"], [1, 3, 192, 256], "float32"],
    [["--image-size", "192x256", "--half"], [1, 3, 192, 256], "float16"],
  ];
  for (const [args, shape, elementType] of sizes) {
    test(`with ${args.join(" ") || "no options"} writes (${shape}), ${elementType}`, async () => {
      const out = join(folder.path, "out.onnx");
      const exported = await json("export", plants, "out.onnx", ...args);
      assert.deepEqual([exported.path, exported.inputShape], [out, shape]);
      assert.equal(exported.elementType, elementType);
      const { inputs, outputs, initializers, metadata } = readModel(await readFile(out));
      assert.deepEqual(inputs, [{ name: "images", elementType: "float32", dims: shape }]);
      assert.ok(outputs.every((output) => output.elementType === "float32"));
      const weights = initializers.filter(({ dims }) => dims.length === 4);
      assert.ok(weights.every((weight) => weight.elementType === elementType));
      assert.equal(metadata.get("imgsz"), `[${shape.slice(2).join(", ")}]`);
      assert.equal(metadata.get("names"), "{0: 'plant'}");
      assert.equal((await stat(out)).size, exported.bytes);
    });
  }

  test("with a free size writes what predict takes, and finds the same with", async () => {
    const { inputShape } = await json("export", plants, "free.onnx", "--image-size", "dynamic");
    assert.deepEqual(
      (inputShape as unknown[]).map((extent) => typeof extent),
      ["string", "number", "string", "string"],
    );
    const found = async (model: string) => {
      const { detections } = await json("predict", photo, "--model", model, "--device", "cpu");
      return detections;
    };
    const expected = await found(plants);
    assert.ok((expected as unknown[]).length > 0);
    assert.deepEqual(await found("free.onnx"), expected);
  });

  const refused: [what: string, args: string[], message: RegExp][] = [
    ["an ONNX model", ["model.onnx", "x.onnx"], /Expected a checkpoint .* \[INVALID_ARGUMENT\]/],
    ["the model as its own export", ["model.pt", "./model.pt"], /another file .* than the model/],
    ["a link to it", ["model.pt", "link.pt"], /another file .* than the model itself/],
    ["a folder", ["model.pt", "a-folder"], /Expected a file to write, but `.*` is a folder/],
    ["a size between strides", ["model.pt", "x.onnx", "--image-size", "100"], /multiples of 32/],
    [
      "a size that is none",
      ["model.pt", "x.onnx", "--image-size", "640,"],
      /640, height,width as in 480,640, or dynamic, got "640,"/,
    ],
    ["a size beyond measure", ["model.pt", "x.onnx", "--image-size", "99968"], /up to 16384/],
    ["a device", ["model.pt", "/dev/null"], /`\/dev\/null` is a device, pipe or socket/],
    ["a file in a file", ["model.pt", "model.onnx/x.onnx"], /ENOTDIR.* \[NOT_WRITABLE\]/],
  ];
  for (const [what, args, message] of refused) {
    test(`refuses ${what}, and leaves everything as it was`, async () => {
      await using own = await CliFolder.create();
      await copyFile(plants, join(own.path, "model.pt"));
      await link(join(own.path, "model.pt"), join(own.path, "link.pt"));
      await copyFile(fixture("models/plants-det.onnx"), join(own.path, "model.onnx"));
      await mkdir(join(own.path, "a-folder"));
      const { stderr, status } = await own.run("export", ...args);
      assert.match(stderr, message);
      assert.equal(status, /NOT_WRITABLE/.test(stderr) ? 1 : 2);
      const names = ["a-folder", "link.pt", "model.onnx", "model.pt"];
      assert.deepEqual((await readdir(own.path)).toSorted(), names);
      assert.deepEqual(await readFile(join(own.path, "model.pt")), await readFile(plants));
    });
  }
});
