import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { OrangeryError } from "../../errors.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { createYoloModel } from "../../graph/yolo/create-yolo-model.ts";
import { randomYolo } from "../../graph/yolo/random-yolo.fixture.ts";
import { ModelFolder } from "../yolo/tiny-yolo.fixture.ts";
import { BatchLimit } from "./batch-limit.ts";
import type { BatchMemoryReport } from "./batch-memory.fixture.ts";
import { isOutOfMemory } from "./out-of-memory.ts";

const outOfMemory = () => new OrangeryError("ORT_FAILED", "Run failed: std::bad_alloc");

describe("a limit of batches", () => {
  /** Runs items of which so many fit into memory at once, and a log of the batches' sizes. */
  function device(fits: number) {
    const sizes: number[] = [];
    const run = async (batch: readonly number[]) => {
      sizes.push(batch.length);
      if (batch.length > fits) throw outOfMemory();
      return batch.map((item) => 10 * item);
    };
    return { sizes, run };
  }
  const items = [1, 2, 3, 4, 5, 6, 7];
  const results = items.map((item) => 10 * item);

  test("halves a batch until it fits, gives all results in order, and remembers", async () => {
    const limit = new BatchLimit(64);
    const { sizes, run } = device(2);
    const limits: number[] = [];
    assert.deepEqual(
      await limit.run(items, run, async (largest) => void limits.push(largest)),
      results,
    );
    assert.deepEqual(sizes, [7, 3, 1, 1, 1, 1, 1, 1, 1]);
    assert.deepEqual([limits, limit.largest], [[3, 1], 1]);
    assert.deepEqual(await limit.run(items.slice(0, 2), run), [10, 20]);
    assert.equal(sizes.length, 11);
  });

  test("has nothing to run of nothing", async () => {
    const { sizes, run } = device(2);
    assert.deepEqual(await new BatchLimit(4).run([], run), []);
    assert.deepEqual(sizes, []);
  });

  test("cuts what is larger than it to begin with", async () => {
    const { sizes, run } = device(9);
    assert.deepEqual(await new BatchLimit(3).run(items, run), results);
    assert.deepEqual(sizes, [3, 3, 1]);
  });

  test("gives up where a single one does not fit", async () => {
    const limit = new BatchLimit(64);
    await assert.rejects(limit.run(items, device(0).run), /bad_alloc/);
    assert.equal(limit.largest, 1);
  });

  test("passes other failures on and does not shrink", async () => {
    const limit = new BatchLimit(64);
    const failing = async () => {
      throw new OrangeryError("ORT_FAILED", "Run failed: the shapes do not fit");
    };
    await assert.rejects(limit.run(items, failing), /the shapes/);
    assert.equal(limit.largest, 64);
  });
});

describe("memory that ran out", () => {
  // As ONNX Runtime 1.30 and the libraries below it word it.
  const messages = [
    "Failed to allocate memory for requested buffer of size 1677721600",
    "Available memory of 12 is smaller than requested bytes of 400",
    "std::bad_alloc",
    "bad allocation",
    "CUDA failure 2: out of memory ; GPU=0",
    "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
  ];
  for (const message of messages) {
    test(`is known by “${message}”`, () => {
      assert.ok(isOutOfMemory(new OrangeryError("ORT_FAILED", message)));
    });
  }

  test("is nothing else", () => {
    assert.equal(isOutOfMemory(new OrangeryError("ORT_FAILED", "INVALID_GRAPH")), false);
    assert.equal(isOutOfMemory(new Error("out of memory")), false);
  });

  const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;
  test("for real makes a batch smaller, with the same results", {
    skip: !hasPrlimit && "needs prlimit, to limit a process's memory",
  }, async (t) => {
    await using folder = await ModelFolder.create();
    const file = folder.file("yolo11n.onnx");
    const network = randomYolo({
      family: "11",
      scale: "n",
      task: "detect",
      classCount: 1,
      seed: 1,
    });
    const names = ["thing"];
    const options = { network, imageSize: 320, batch: "dynamic", names, description: "" } as const;
    await writeFile(file, serializeModel(createYoloModel(options)));
    const script = fileURLToPath(new URL("batch-memory.fixture.ts", import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [script, file], { encoding: "utf8" });
    assert.notEqual(stdout, "", stderr);
    const report: BatchMemoryReport = JSON.parse(stdout);
    t.diagnostic(`the largest batch is ${report.largestBatch} now`);
    assert.ok(report.largestBatch < 64, "memory did run out");
    assert.equal(report.predictions, 64);
    assert.equal(report.differing, 0);
  });
});
