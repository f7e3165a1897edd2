import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { isOrangeryError } from "../../errors.ts";
import { readModel } from "../../graph/onnx/model-reader.ts";
import { ModelFolder } from "../yolo/tiny-yolo.fixture.ts";
import { buildNetwork } from "./built-network.ts";

const path = fileURLToPath(
  new URL("../../../../shared/fixtures/models/plants-det.pt", import.meta.url),
);
const plants = { path, format: "checkpoint" } as const;
const skip = existsSync(path) ? false : "../shared/fixtures not present";

const free = { imageSize: "dynamic", batch: "dynamic" } as const;

describe("a checkpoint's ONNX model, built in a thread", () => {
  test("takes any batch, height and width", { skip }, async () => {
    const { inputs, metadata } = readModel((await buildNetwork(plants, free)).bytes);
    assert.deepEqual(
      inputs[0]!.dims.map((extent) => typeof extent),
      ["string", "number", "string", "string"],
    );
    assert.equal(metadata.get("imgsz"), "[320, 320]");
  });

  test("comes with the error of a file that is none", async () => {
    await using folder = await ModelFolder.create();
    const broken = await folder.write("broken.pt", "PK\x03\x04 and no more");
    await assert.rejects(buildNetwork({ path: broken, format: "checkpoint" }, free), (error) => {
      assert.ok(isOrangeryError(error, "CHECKPOINT_UNREADABLE"), String(error));
      assert.equal(error.details.path, broken);
      return error.message.includes(broken);
    });
  });

  test("ends with the signal's reason, before and while it is built", { skip }, async () => {
    const reason = new Error("left");
    await assert.rejects(buildNetwork(plants, { signal: AbortSignal.abort(reason) }), reason);
    const aborter = new AbortController();
    const building = buildNetwork(plants, { signal: aborter.signal });
    setImmediate(() => aborter.abort(reason));
    await assert.rejects(building, reason);
  });
});
