/** Holds networks that are built from checkpoints against Ultralytics' own exports of them. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { readYoloCheckpoint } from "../src/checkpoint/yolo/yolo-checkpoint.ts";
import { readModel } from "../src/graph/onnx/model-reader.ts";
import { serializeModel } from "../src/graph/onnx/model-writer.ts";
import { type Floats, RunnableModel } from "../src/graph/run-model.fixture.ts";
import { createYoloModel } from "../src/graph/yolo/create-yolo-model.ts";
import { letterbox } from "../src/vision/letterbox/letterbox.ts";
import { planLetterbox } from "../src/vision/letterbox/plan-letterbox.ts";
import { decodePicture } from "../src/vision/photo/decode-picture.ts";

/** Of an output's standard deviation. Deeper networks miss it by the rounding of float32 itself. */
const tolerance = 1e-4;

const fixtures = new URL("../../shared/fixtures/", import.meta.url);
const skip = existsSync(fixtures) ? false : "../shared/fixtures not present";

describe("networks built from checkpoints", { skip }, () => {
  for (const name of ["plants-det", "beds-seg"]) {
    for (const imageSize of [[320, 320], "dynamic"] as const) {
      test(`compute what Ultralytics' export computes: ${name}, size ${imageSize}`, async (t) => {
        await using theirs = await RunnableModel.open(
          readFileSync(new URL(`models/${name}.onnx`, fixtures)),
        );
        await using ours = await RunnableModel.open(await buildModel(name, imageSize));
        for (const [picture, images] of Object.entries(await pictures())) {
          const expected = await theirs.run({ images });
          const outputs = await ours.run({ images });
          assert.deepEqual(Object.keys(outputs), Object.keys(expected));
          for (const [output, { data, dims }] of Object.entries(expected)) {
            assert.deepEqual(outputs[output]!.dims, dims);
            const error = largestDifference(outputs[output]!.data, data) / deviationOf(data);
            t.diagnostic(`${picture}, ${output}: ${error.toExponential(1)} of the deviation`);
            assert.ok(error <= tolerance, `${output} of ${picture}: ${error}`);
          }
        }
      });
    }

    test(`say of themselves what Ultralytics' export says: ${name}`, async () => {
      const expected = readModel(readFileSync(new URL(`models/${name}.onnx`, fixtures)));
      const { metadata, inputs, outputs } = readModel(
        serializeModel(await buildModel(name, [320, 320])),
      );
      for (const key of ["stride", "task", "batch", "imgsz", "names", "channels", "end2end"]) {
        assert.equal(metadata.get(key), expected.metadata.get(key), key);
      }
      assert.deepEqual(inputs, expected.inputs);
      assert.deepEqual(outputs, expected.outputs);
    });
  }
});

async function buildModel(name: string, imageSize: readonly [number, number] | "dynamic") {
  const file = fileURLToPath(new URL(`models/${name}.pt`, fixtures));
  const { network, names, description, metadata } = await readYoloCheckpoint(file);
  const batch = imageSize === "dynamic" ? imageSize : 1;
  return createYoloModel({ network, imageSize, batch, names, description, origin: metadata });
}

/** A photo and noise, as inputs of 320 × 320. */
async function pictures(): Promise<Record<string, Floats>> {
  const dims = [1, 3, 320, 320];
  const photo = await decodePicture(new URL("photos/tray-1.jpg", fixtures));
  const plan = planLetterbox({
    photoWh: [photo.widthPx, photo.heightPx],
    inputWh: [320, 320],
  });
  const data = new Float32Array(3 * 320 * 320);
  letterbox(photo, plan, data);
  // Without pattern, and the same each time.
  const noise = data.map((_, index) => Math.abs(Math.sin(index * 12.9898) * 43758.5453) % 1);
  return { "a photo": { data, dims }, noise: { data: noise, dims } };
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((largest, value, index) => {
    const difference = Math.abs(value - b[index]!);
    // A NaN must not pass for small.
    return difference <= largest ? largest : difference;
  }, 0);
}

function deviationOf(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / values.length);
}
