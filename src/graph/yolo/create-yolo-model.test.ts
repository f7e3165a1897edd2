import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { suitCpu } from "../cpu/suit-cpu.ts";
import { readModel } from "../onnx/model-reader.ts";
import { serializeModel } from "../onnx/model-writer.ts";
import { type Floats, RunnableModel, runModel } from "../run-model.fixture.ts";
import { createYoloModel } from "./create-yolo-model.ts";
import type { DetectModule, YoloModule, YoloNetwork } from "./modules.ts";
import { RandomModules } from "./random-modules.fixture.ts";
import { randomYolo } from "./random-yolo.fixture.ts";
import type { YoloFamily, YoloScale } from "./yolo-families.fixture.ts";

const named = { names: ["a", "b", "c"], description: "A test" };

function randomNetwork(
  family: YoloFamily,
  task: "detect" | "segment" = "segment",
  scale: YoloScale = "n",
): YoloNetwork {
  return randomYolo({ family, scale, narrow: true, task, classCount: 3, seed: 3 });
}

/** Pictures of coloured waves, each another. */
function waves(count: number, heightPx: number, widthPx: number): Floats {
  const data = Float32Array.from({ length: count * 3 * heightPx * widthPx }, (_, i) => {
    const [x, y] = [i % widthPx, Math.floor(i / widthPx)];
    return 0.5 + 0.4 * Math.sin(x / 3 + y / 200) * Math.cos(y / 5);
  });
  return { data, dims: [count, 3, heightPx, widthPx] };
}

function pictureOf({ data, dims }: Floats, index: number): Floats {
  const length = data.length / dims[0]!;
  return {
    data: data.subarray(index * length, (index + 1) * length),
    dims: [1, ...dims.slice(1)],
  };
}

function assertClose(found: Floats, expected: Floats): void {
  assert.deepEqual(found.dims, expected.dims);
  const wrong = expected.data.findIndex(
    (value, i) => !(Math.abs(value - found.data[i]!) <= 2e-3 + 1e-4 * Math.abs(value)),
  );
  assert.equal(wrong, -1, `[${wrong}]: ${found.data[wrong]} instead of ${expected.data[wrong]}`);
}

/** The same detections in any order: of scores that are nearly equal either may come first. */
function assertSameRows(found: Floats, expected: Floats): void {
  assert.deepEqual(found.dims, expected.dims);
  const rowsOf = ({ data, dims }: Floats) =>
    Array.from({ length: dims[1]! }, (_, i) => data.subarray(i * dims[2]!, (i + 1) * dims[2]!));
  const isClose = (a: Float32Array, b: Float32Array) =>
    a.every((value, i) => Math.abs(value - b[i]!) <= 2e-3 + 1e-4 * Math.abs(value));
  const all = rowsOf(found);
  const missing = rowsOf(expected).filter((row) => !all.some((other) => isClose(row, other)));
  // The last may be another for the same reason.
  assert.ok(missing.length <= 1, `${missing.length} rows are missing`);
}

/** Runs a model of the pictures' size on each by itself. */
async function runAlone(network: YoloNetwork, images: Floats): Promise<Record<string, Floats>[]> {
  const [count, , heightPx, widthPx] = images.dims as [number, number, number, number];
  const fixed = createYoloModel({ ...named, network, imageSize: [heightPx, widthPx] });
  await using model = await RunnableModel.open(fixed);
  const outputs: Record<string, Floats>[] = [];
  for (let i = 0; i < count; i++) outputs.push(await model.run({ images: pictureOf(images, i) }));
  return outputs;
}

describe("createYoloModel", () => {
  /** By network and size, what models of one size compute of each picture. */
  const alone = new Map<string, Record<string, Floats>[][]>();
  for (const [family, scale, isForCpu] of [
    ["v3-tiny", "n", false],
    ["v6", "n", false],
    ["v8", "n", false],
    ["v8", "n", true],
    ["v8-p6", "n", false],
    ["v8-ghost", "n", false],
    ["v9", "t", false],
    ["v9", "t", true],
    ["v10", "n", false],
    ["v10", "m", true],
    ["11", "n", false],
    ["11", "n", true],
    ["12", "n", false],
    ["12", "n", true],
    ["26", "n", false],
    ["26", "n", true],
  ] as const) {
    const which = `YOLO${family}${scale} of free sizes${isForCpu ? " for the CPU" : ""}`;
    test(`makes a ${which} that computes what those of one size compute`, async () => {
      const network = randomNetwork(family, "segment", scale);
      const free = { imageSize: "dynamic", batch: "dynamic" } as const;
      const model = createYoloModel({ ...named, network, ...free });
      await using dynamic = await RunnableModel.open(isForCpu ? suitCpu(model) : model);
      const pairs = [family === "v8-p6" ? waves(2, 64, 192) : waves(2, 96, 160), waves(2, 128, 64)];
      // The same for both kinds of free sizes.
      const key = family + scale;
      if (!alone.has(key)) {
        alone.set(key, await Promise.all(pairs.map((images) => runAlone(network, images))));
      }
      for (const [pair, images] of pairs.entries()) {
        const together = await dynamic.run({ images });
        for (const [index, outputs] of alone.get(key)![pair]!.entries()) {
          for (const [name, output] of Object.entries(outputs)) {
            const found = pictureOf(together[name]!, index);
            const isEndToEnd = family === "26" || family === "v10";
            if (isEndToEnd && name === "output0") assertSameRows(found, output);
            else assertClose(found, output);
          }
        }
      }
    });
  }

  test("names free sizes as Ultralytics does", () => {
    const options = { ...named, imageSize: "dynamic", batch: "dynamic" } as const;
    const dimsOf = (family: YoloFamily) => {
      const network = randomNetwork(family);
      const { inputs, outputs } = readModel(
        serializeModel(createYoloModel({ ...options, network })),
      );
      return [...inputs, ...outputs].map(({ dims }) => dims);
    };
    const masks = ["batch", 32, "mask_height", "mask_width"];
    assert.deepEqual(dimsOf("11"), [
      ["batch", 3, "height", "width"],
      ["batch", 4 + 3 + 32, "anchors"],
      masks,
    ]);
    assert.deepEqual(dimsOf("26").slice(1), [["batch", "detections", 6 + 32], masks]);
  });

  test("says in its metadata what Ultralytics says", () => {
    const { metadata } = createYoloModel({
      names: ["it's", '"it\'s"', "a\\b\n\u0007"],
      description: "A test",
      network: randomNetwork("26"),
      imageSize: "dynamic",
      usualSizeHw: [480, 640],
      batch: "dynamic",
      half: true,
      origin: { date: "2026-01-02", version: "8.4.126", license: "AGPL-3.0", docs: undefined },
    });
    assert.deepEqual(Object.fromEntries(metadata), {
      description: "A test",
      author: "Orangery",
      date: "2026-01-02",
      version: "8.4.126",
      license: "AGPL-3.0",
      stride: "32",
      task: "segment",
      head: "Segment26",
      batch: "1",
      imgsz: "[480, 640]",
      names: `{0: "it's", 1: '"it\\'s"', 2: 'a\\\\b\\n\\x07'}`,
      args: "{'batch': 1, 'half': True, 'dynamic': True, 'nms': False}",
      channels: "3",
      end2end: "True",
    });
  });

  for (const family of ["11", "26"] as const) {
    test(`makes a YOLO${family} of float16 whose input and outputs are float32`, async () => {
      const network = randomNetwork(family);
      const options = { ...named, network, imageSize: [64, 96] } as const;
      const bytes = serializeModel(createYoloModel({ ...options, half: true }));
      const { inputs, outputs, initializers } = readModel(bytes);
      assert.ok([...inputs, ...outputs].every(({ elementType }) => elementType === "float32"));
      const weights = initializers.filter(({ dims }) => dims.length === 4);
      assert.ok(weights.every(({ elementType }) => elementType === "float16"));

      const images = waves(1, 64, 96);
      const exact = await runModel(createYoloModel(options), { images });
      const rounded = await runModel(bytes, { images });
      for (const [name, { data, dims }] of Object.entries(exact)) {
        assert.deepEqual(rounded[name]!.dims, dims);
        // The rows of an end-to-end head may change places.
        if (family === "26" && name === "output0") continue;
        const largest = data.reduce(
          (most, value, i) => Math.max(most, Math.abs(value - rounded[name]!.data[i]!)),
          0,
        );
        assert.ok(largest > 0 && largest < 1, `${name}: ${largest}`);
      }
    });
  }

  test("gives class ids exactly in half precision, however many there are", async () => {
    const options = { family: "26", scale: "n", task: "detect", seed: 0 } as const;
    const network = randomYolo({ ...options, classCount: 4099 });
    const model = createYoloModel({ ...named, network, imageSize: 64, half: true });
    const { output0 } = await runModel(model, { images: waves(1, 64, 64) });
    const ids = output0!.data.filter((_, i) => i % 6 === 5);
    assert.ok(ids.every((id) => Number.isInteger(id) && id >= 0 && id < 4099));
    assert.ok(ids.some((id) => id > 2048 && id % 2 === 1));
  });

  for (const batch of [0, 1.5, -1]) {
    test(`refuses a batch of ${batch}`, () => {
      const network = randomNetwork("11", "detect");
      assert.throws(
        () => createYoloModel({ ...named, network, imageSize: 64, batch }),
        (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
      );
    });
  }

  test("refuses a network whose modules do not fit each other, by the module's name", () => {
    const { layers, head } = randomNetwork("11", "detect");
    const network = { layers: layers.with(4, layers[2]!), head };
    assert.throws(
      () => createYoloModel({ ...named, network, imageSize: 64 }),
      (error) => isOrangeryError(error, "INVALID_ARGUMENT") && /model\.4\.cv1/.test(error.message),
    );
  });

  const activations = [
    ["identity", (x: number) => x],
    ["silu", (x: number) => x / (1 + Math.exp(-x))],
    ["relu", (x: number) => Math.max(x, 0)],
    ["relu6", (x: number) => Math.min(Math.max(x, 0), 6)],
    ["hardswish", (x: number) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6],
    ["mish", (x: number) => x * Math.tanh(Math.log1p(Math.exp(x)))],
    ["sigmoid", (x: number) => 1 / (1 + Math.exp(-x))],
    ["tanh", Math.tanh],
    ["gelu", (x: number) => x * normalDistribution(x)],
    [
      "geluTanh",
      (x: number) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    ],
    ["selu", (x: number) => 1.0507009873554805 * (x < 0 ? 1.6732632423543772 * Math.expm1(x) : x)],
    ["softplus", (x: number) => Math.log1p(Math.exp(x))],
    ["hardsigmoid", (x: number) => Math.min(Math.max(x + 3, 0), 6) / 6],
    [{ leakyReluSlope: 0.1 }, (x: number) => (x < 0 ? 0.1 * x : x)],
    [{ eluAlpha: 0.7 }, (x: number) => (x < 0 ? 0.7 * Math.expm1(x) : x)],
    [{ celuAlpha: 0.5 }, (x: number) => (x < 0 ? 0.5 * Math.expm1(x / 0.5) : x)],
    [
      { preluSlopes: { dims: [1], values: Float32Array.of(0.25) } },
      (x: number) => (x < 0 ? 0.25 * x : x),
    ],
  ] as const;
  for (const [activation, expected] of activations) {
    test(`computes the activation ${JSON.stringify(activation)}`, async () => {
      // Class scores are a sigmoid of what the last convolution gives.
      const { network, images, logits } = headOf(pixels({ scores: 1 }));
      const conv = { ...(network.layers[0]!.module as ReturnType<RandomModules["conv"]>) };
      const layers = [{ from: [-1], module: { ...conv, activation } }];
      const model = createYoloModel({ ...named, network: { ...network, layers }, imageSize: 4 });
      const { output0 } = await runModel(model, { images });
      for (const [i, logit] of logits.entries()) {
        const score = 1 / (1 + Math.exp(-expected(logit)));
        assert.ok(Math.abs(output0!.data[4 * 16 + i]! - score) < 1e-5, `${logit}`);
      }
    });
  }
});

describe("an end-to-end head", () => {
  test("gives the best scores of the best anchors, and an anchor twice for two classes", async () => {
    const { network, images, logits } = headOf(pixels({ scores: 3 }), { maxDetections: 5 });
    const model = createYoloModel({ ...named, network, imageSize: 4 });
    const { output0 } = await runModel(model, { images });
    const anchors = Array.from({ length: 16 }, (_, anchor) => ({
      anchor,
      scores: [0, 1, 2].map((classId) => logits[classId * 16 + anchor]!),
    }));
    const best = anchors
      .toSorted((a, b) => Math.max(...b.scores) - Math.max(...a.scores))
      .slice(0, 5);
    const expected = best
      .flatMap(({ anchor, scores }) => scores.map((score, classId) => ({ anchor, score, classId })))
      .toSorted((a, b) => b.score - a.score)
      .slice(0, 5)
      .flatMap(({ anchor, score, classId }) => {
        const [x, y] = [(anchor % 4) + 0.5, Math.floor(anchor / 4) + 0.5];
        return [x - 1, y - 1, x + 1, y + 1, 1 / (1 + Math.exp(-score)), classId];
      });
    assertClose(output0!, { data: Float32Array.from(expected), dims: [1, 5, 6] });
  });

  test("gives as many detections as there are anchors where these are fewer", async () => {
    const { network, images } = headOf(pixels({ scores: 3 }), { maxDetections: 300 });
    for (const imageSize of [4, "dynamic"] as const) {
      const { output0 } = await runModel(createYoloModel({ ...named, network, imageSize }), {
        images,
      });
      assert.deepEqual(output0!.dims, [1, 16, 6]);
    }
  });
});

for (const imageSize of [0, 100, 16_416, 99_968] as const) {
  test(`an image size of ${imageSize} is refused`, () => {
    const network = randomNetwork("11", "detect");
    assert.throws(() => createYoloModel({ ...named, network, imageSize }), {
      code: "INVALID_ARGUMENT",
      message: /multiples of 32 px up to 16384/,
    });
  });
}

/** A 4 × 4 picture that reads as the logits of so many classes, no two of them equal. */
function pixels({ scores }: { readonly scores: number }) {
  const logits = Float32Array.from({ length: 3 * 16 }, (_, i) => 5 * Math.sin(1 + i * 2.4));
  return { images: { data: logits, dims: [1, 3, 4, 4] }, classCount: scores };
}

/** A head at stride 1 that takes the picture's channels for logits; every box is 2 × 2. */
function headOf(
  { images, classCount }: ReturnType<typeof pixels>,
  endToEnd?: DetectModule["endToEnd"],
) {
  const random = new RandomModules(0);
  const pass: YoloModule = { kind: "identity" };
  const identity = random.conv(3, classCount, { activation: "identity" });
  identity.weight.values.forEach((_, i, values) => {
    values[i] = i % 3 === Math.floor(i / 3) ? 1 : 0;
  });
  const boxes = random.conv(classCount, 4, { activation: "identity", gain: 0, bias: 1 });
  const network: YoloNetwork = {
    layers: [{ from: [-1], module: identity }],
    head: {
      from: [0],
      module: {
        kind: "detect",
        cv2: [boxes],
        cv3: [pass],
        classCount,
        dfl: undefined,
        strides: [1],
        endToEnd,
      },
    },
  };
  return { network, images, logits: images.data.subarray(0, classCount * 16) };
}

/** The share of the normal distribution below x, by Simpson's rule. */
function normalDistribution(x: number): number {
  const density = (t: number) => Math.exp(-(t ** 2) / 2) / Math.sqrt(2 * Math.PI);
  const steps = 1000;
  const width = x / steps;
  const sum = Array.from({ length: steps + 1 }, (_, i) => {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    return weight * density(i * width);
  }).reduce((a, b) => a + b, 0);
  return 0.5 + (sum * width) / 3;
}
