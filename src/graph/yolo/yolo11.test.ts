import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { readModel } from "../onnx/model-reader.ts";
import { serializeModel } from "../onnx/model-writer.ts";
import { type Floats, runModel } from "../run-model.fixture.ts";
import { buildYolo11 } from "./yolo11.fixture.ts";

/** A picture of coloured noise at several scales, the same for the same size. */
function noise(heightPx: number, widthPx: number): Floats {
  const data = Float32Array.from({ length: 3 * heightPx * widthPx }, (_, i) => {
    const [x, y, c] = [i % widthPx, Math.floor(i / widthPx) % heightPx, i / (heightPx * widthPx)];
    const wave = Math.sin(x / 7 + c) * Math.cos(y / 11) + Math.sin((x * y) / 300);
    return 0.5 + 0.2 * wave + 0.1 * Math.sin(i * 12.9898);
  });
  return { data, dims: [1, 3, heightPx, widthPx] };
}

describe("buildYolo11", () => {
  test("writes the same bytes for the same seed and others for another", () => {
    const build = (seed: number) =>
      serializeModel(
        buildYolo11({ scale: "n", task: "detect", classCount: 1, imageSize: 64, seed }),
      );
    assert.deepEqual(build(1), build(1));
    assert.notDeepEqual(build(1), build(2));
  });

  test("says in its metadata what Ultralytics' exports say", () => {
    const facts = readModel(
      serializeModel(
        buildYolo11({ scale: "n", task: "segment", classCount: 2, imageSize: [64, 96] }),
      ),
    );
    assert.equal(facts.metadata.get("task"), "segment");
    assert.equal(facts.metadata.get("head"), "Segment");
    assert.equal(facts.metadata.get("stride"), "32");
    assert.equal(facts.metadata.get("imgsz"), "[64, 96]");
    assert.equal(facts.metadata.get("names"), "{0: 'class0', 1: 'class1'}");
    assert.equal(facts.metadata.get("end2end"), "False");
    assert.deepEqual(
      facts.inputs.map(({ name, dims }) => [name, dims]),
      [["images", [1, 3, 64, 96]]],
    );
    assert.deepEqual(
      facts.outputs.map(({ name, dims }) => [name, dims]),
      [
        ["output0", [1, 4 + 2 + 32, 126]],
        ["output1", [1, 32, 16, 24]],
      ],
    );
  });

  test("finds something, but not everywhere", async () => {
    const model = buildYolo11({ scale: "n", task: "detect", imageSize: [256, 320] });
    const { output0 } = await runModel(model, { images: noise(256, 320) });
    assert.deepEqual(output0!.dims, [1, 84, 1680]);
    const anchorCount = 1680;
    const scores = output0!.data.subarray(4 * anchorCount);
    assert.ok(scores.every((score) => score >= 0 && score <= 1));
    const scored = scores.filter((score) => score > 0.25).length;
    assert.ok(scored < anchorCount / 4, `${scored} scores are above 0.25`);
    assert.ok(scores.some((score) => score > 0.002));
    const widths = output0!.data.subarray(2 * anchorCount, 3 * anchorCount);
    assert.ok(widths.every((width) => width > 0 && width < 32 * 32));
  });

  const sizes = [0, 100, 33.3, [64, 65], [-32, 32], Number.NaN] as const;
  for (const imageSize of sizes) {
    test(`refuses image size ${imageSize}`, () => {
      assert.throws(
        () => buildYolo11({ scale: "n", task: "detect", classCount: 1, imageSize }),
        (error) => isOrangeryError(error, "INVALID_ARGUMENT") && /32 px/.test(error.message),
      );
    });
  }
});
