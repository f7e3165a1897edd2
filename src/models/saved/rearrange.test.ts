import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, afterEach, before, describe, test } from "node:test";
import { inputKey } from "../../graph/byte-input.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { readWholeModel } from "../../graph/onnx/whole-model.ts";
import type { OnnxModel } from "../../graph/onnx-nodes.ts";
import { quantizeModel } from "../../graph/quantize/quantize-model.ts";
import { chooseQuantizedValues } from "../../graph/quantize/quantized-values.ts";
import { createYoloModel } from "../../graph/yolo/create-yolo-model.ts";
import { randomYolo } from "../../graph/yolo/random-yolo.fixture.ts";
import { oneOfEachFamily } from "../../graph/yolo/yolo-families.fixture.ts";
import { silentLogger } from "../../logger.ts";
import { kernelLibrary } from "../../native/kernels/kernel-library.ts";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Runtime, Session } from "../../native/runtime.ts";
import { cpu } from "../devices/device.ts";
import { identifyModelFile, type ModelFile } from "../files/model-file.ts";
import { ModelFolder } from "../yolo/tiny-yolo.fixture.ts";
import { ArtifactStore } from "./artifact-store.ts";
import { openNetwork } from "./open-network.ts";
import { rearrange } from "./rearrange.ts";
import { suitInt8 } from "./suit-int8.ts";
import { areAlike, tryOut } from "./try-out.ts";

let folder: ModelFolder;
before(async () => {
  folder = await ModelFolder.create();
});
after(async () => await folder[Symbol.asyncDispose]());
afterEach(() => assert.deepEqual(liveNativeObjects(), {}, "every native object is released"));

const sizePx = 256;

function float32Yolo([family, scale, task]: (typeof oneOfEachFamily)[number]): OnnxModel {
  // Where attention looks may hang on a rounding error, as it does in YOLO12 of seed 3.
  const seed = family === "12" ? 5 : 3;
  const network = randomYolo({ family, scale, narrow: true, task, classCount: 3, seed });
  const names = ["a", "b", "c"];
  return createYoloModel({ network, imageSize: sizePx, names, description: "A test" });
}

function int8Yolo(family: (typeof oneOfEachFamily)[number]): Uint8Array {
  const model = float32Yolo(family);
  const { rangeOf } = chooseQuantizedValues(model.graph);
  const ranges = new Map(
    [...rangeOf.values()].map((value, i) => [value, [-1, 2 + (i % 7)] as const]),
  );
  return serializeModel(quantizeModel(model, { ranges, input: "bytes" }));
}

async function open(
  file: ModelFile,
  runtime: Runtime,
  { threads = 1, artifacts: place = "artifacts" } = {},
): Promise<Session> {
  const artifacts = new ArtifactStore({
    folder: folder.file(place),
    maxBytes: 1e9,
    logger: { ...silentLogger, warn: (_, message) => assert.fail(message) },
  });
  const { session } = await openNetwork(file, cpu, {
    runtime,
    provider: { name: "cpu" },
    intraOpThreads: threads,
    artifacts,
    signal: undefined,
  });
  return session;
}

async function run(session: Session): Promise<Float32Array> {
  const takesBytes = session.inputs[0]!.elementType === "uint8";
  const isByPixel = session.metadata.get(inputKey) === "pixels";
  const shape = isByPixel ? [1, sizePx, sizePx, 3] : [1, 3, sizePx, sizePx];
  using input = onnxRuntime.createTensor(takesBytes ? "uint8" : "float32", shape);
  const pixels = sizePx ** 2;
  for (let i = 0; i < input.data.length; i++) {
    const byte = (i * i * 7 + (i >> 5)) % 256;
    const at = isByPixel ? 3 * (i % pixels) + Math.floor(i / pixels) : i;
    input.data[at] = takesBytes ? byte : byte / 255;
  }
  const outputs = await session.run({ [session.inputs[0]!.name]: input });
  const values = Float32Array.from(outputs.output0!.data as Float32Array);
  for (const output of Object.values(outputs)) output[Symbol.dispose]();
  return values;
}

const yolo11 = ["11", "n", "detect"] as const;
const skip = kernelLibrary() === undefined && "there are no kernels for this machine";

describe("a network in int8", { skip }, () => {
  test("computes the same, rearranged and saved with kernels, as without", async () => {
    const identified = await identifyModelFile(await folder.write("int8.onnx", int8Yolo(yolo11)));
    // Worth saving, whatever its size.
    const file = { ...identified, bytes: 4 * 1024 * 1024 };
    const results: Float32Array[] = [];
    for (const runtime of [onnxRuntime, { ...onnxRuntime, kernels: undefined }]) {
      for (const threads of [1, 2]) {
        await using session = await open(file, runtime, { threads });
        results.push(await run(session));
      }
    }
    for (const result of results.slice(1)) assert.deepEqual(result, results[0]);
    assert.ok(new Set(results[0]).size > 1000, "the outputs differ by place");

    const saved = await savedNetworks("artifacts");
    const has = (name: string) => saved.map((bytes) => bytes.includes(name)).sort();
    for (const name of ["LookUp", "ConvolvePixels", ".lines", "QLinearSigmoid"]) {
      assert.deepEqual(has(name), [false, true], name);
    }
  });
});

describe("a network in int8 of each family", { skip }, () => {
  for (const [family, scale, task] of oneOfEachFamily) {
    test(`YOLO${family}, ${task}: computes the same, rearranged`, async () => {
      const network = int8Yolo([family, scale, task]);
      const saveOptimizedTo = folder.file(`${family}-${task}.onnx`);
      await using session = await onnxRuntime.createSession(network, { saveOptimizedTo });
      const optimized = readWholeModel(await readFile(saveOptimizedTo), { otherDomains: true });
      const rearranged = await suitInt8(optimized, onnxRuntime);
      // Of those whose activation is ReLU there is nothing to rearrange.
      if (rearranged === undefined) return assert.ok(family.startsWith("v6"), family);
      const how = { unoptimized: true, kernels: true };
      await using other = await onnxRuntime.createSession(serializeModel(rearranged), how);
      assert.deepEqual(await run(other), await run(session));
    });
  }
});

const lanes = kernelLibrary()?.lanes ?? 0;

describe("a network in float32", { skip: lanes === 0 && "there are no kernels here" }, () => {
  const openAndRun = async (runtime: Runtime, artifacts: string) => {
    const model = serializeModel(float32Yolo(yolo11));
    const identified = await identifyModelFile(await folder.write("float32.onnx", model));
    // Worth saving, whatever its size.
    const file = { ...identified, bytes: 4 * 1024 * 1024 };
    await using session = await open(file, runtime, { artifacts });
    return await run(session);
  };
  const hasTiles = async (artifacts: string) =>
    (await savedNetworks(artifacts)).map((bytes) => bytes.includes("ConvolveTiles"));

  test("computes the same but for rounding, rearranged and saved with kernels", async () => {
    const before = await openAndRun({ ...onnxRuntime, kernels: undefined }, "without");
    const after = await openAndRun(onnxRuntime, "with");
    assert.deepEqual([await hasTiles("without"), await hasTiles("with")], [[false], [true]]);
    requireClose(before, after);
  });

  test("is as the runtime optimises it where what is rearranged answers otherwise", async () => {
    const others = { ...onnxRuntime, kernels: { lanes: 24 - lanes } };
    const found = await openAndRun(others, "others");
    assert.deepEqual(await hasTiles("others"), [false]);
    assert.deepEqual(found, await openAndRun({ ...onnxRuntime, kernels: undefined }, "plain"));
  });
});

describe("a network in float32 of each family", { skip: lanes === 0 && "no kernels here" }, () => {
  for (const [family, scale, task] of oneOfEachFamily) {
    test(`YOLO${family}, ${task}: computes the same but for rounding, rearranged`, async () => {
      const from = folder.file(`${family}-${task}-float32.onnx`);
      const to = folder.file(`${family}-${task}-rearranged.onnx`);
      const network = serializeModel(float32Yolo([family, scale, task]));
      await using session = await onnxRuntime.createSession(network, { saveOptimizedTo: from });
      const request = { from, to, weightsFile: `${to}.weights`, isQuantized: false, lanes };
      assert.ok(await rearrange(request, { signal: undefined }));
      const how = { unoptimized: true, kernels: true };
      await using other = await onnxRuntime.createSession(to, how);
      const [answers, others] = [
        await tryOut(session, onnxRuntime),
        await tryOut(other, onnxRuntime),
      ];
      assert.ok(areAlike(answers!, others!), "it is used");
      const [expected, found] = [await run(session), await run(other)];
      const inOrder = (values: Float32Array) => ({ values, boxes: [] });
      // Attention makes much of rounding.
      if (family === "12") assert.ok(areAlike(inOrder(expected), inOrder(found)));
      // These order their boxes by score, which rounding may turn round.
      else if (family === "v10" || family === "26") {
        requireClose(expected.toSorted(), found.toSorted());
      } else requireClose(expected, found);
    });
  }
});

/** Rounding errors of coordinates of up to 256 px. */
function requireClose(values: Float32Array, others: Float32Array): void {
  assert.equal(values.length, others.length);
  for (const [i, value] of values.entries()) {
    assert.ok(Math.abs(value - others[i]!) < 0.01, `${i}: ${value}, ${others[i]}`);
  }
}

async function savedNetworks(artifacts: string): Promise<Buffer[]> {
  const names = await readdir(folder.file(artifacts));
  return await Promise.all(
    names.map((name) => readFile(folder.file(`${artifacts}/${name}/model.ort`))),
  );
}
