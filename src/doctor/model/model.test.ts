import assert from "node:assert/strict";
import { test } from "node:test";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { readWholeModel } from "../../graph/onnx/whole-model.ts";
import { mayHaveGpu } from "../../models/devices/device-survey.ts";
import { familyNetwork } from "../../models/yolo/family-networks.fixture.ts";
import { ModelFolder } from "../../models/yolo/tiny-yolo.fixture.ts";
import { measure } from "../measured/measure.ts";
import type { MeasuredPredictions } from "../measured/measuring-messages.ts";
import { lookAtModel } from "./look-at-model.ts";
import { describeGrowth, describePredictions, describeRuns } from "./model.ts";
import { describePrecision } from "./precision.ts";

const measured: MeasuredPredictions = {
  device: "cpu",
  fallbackReason: undefined,
  precision: "float32",
  loadMs: 40,
  firstMs: 31.4,
  medianMs: 6.25,
  predictions: 200,
  bytesBefore: 200e6,
  bytesAfter: 204e6,
  peakBytes: 230e6,
  runs: undefined,
};
const suitable = { ...measured, whyNoInt8: undefined };

test("memory that grows by more than a twentieth is yellow", () => {
  const steady = describeGrowth(measured);
  assert.equal(steady.verdict, "green");
  assert.match(steady.sentence, /takes 204 MB \(230 MB at most\) and grew by 4\.0 MB over 200/);
  const growing = describeGrowth({ ...measured, bytesAfter: 260e6 });
  assert.equal(growing.verdict, "yellow");
  assert.match(growing.sentence, /grew by 60\.0 MB/);
  const few = describeGrowth({ ...measured, bytesAfter: 260e6, predictions: 12 });
  assert.match(few.sentence, /; 12 predictions are too few to see growth\.$/);
  const less = describeGrowth({ ...measured, bytesAfter: 190e6 });
  assert.match(less.sentence, /did not grow/);
});

test("predictions have the device, the first time, the median and the speed", () => {
  const { sentence } = describePredictions(measured, 6.5);
  assert.equal(sentence, "On cpu the first took 31 ms, later ones 6.3 ms, 1040 GFLOP/s.");
});

test("runs that share the cores come with the reason", () => {
  const choice = {
    runs: 2,
    threads: 1,
    spinning: false,
    isMeasuring: false,
    reason: "core-seconds a megapixel: 0.30 with 1 × 2, 0.20 with 2 × 1 (runs × threads)",
  };
  assert.equal(
    describeRuns(choice).sentence,
    "2 runs at a time with 1 thread each for many photos; one alone has all cores. " +
      "Why: core-seconds a megapixel: 0.30 with 1 × 2, 0.20 with 2 × 1 (runs × threads).",
  );
  assert.match(
    describeRuns({ ...choice, spinning: true }).sentence,
    /all cores, and threads that spin\. Why/,
  );
  assert.match(describeRuns({ ...choice, isMeasuring: true }).sentence, /^Too few predictions/);
});

test("auto stays with what a network is of, and tries float16 off the CPU", async () => {
  const half = await describePrecision({ ...suitable, precision: "float16" });
  assert.match(half.sentence, /is of float16, and `--precision auto` stays with that/);
  const card = await describePrecision({ ...suitable, device: "cuda:0" });
  assert.match(
    card.sentence,
    /tries float16 on 12 or more photos of a run, and takes it where it counts the same/,
  );
});

test("auto tries int8 on the CPU, with what was measured of such a processor", {
  skip: mayHaveGpu() && "there may be a GPU",
}, async () => {
  await using folder = await ModelFolder.create();
  for (const [flags, expected] of [
    [
      "flags : avx2",
      /; on an AMD EPYC without VNNI, YOLO11m and YOLOv8m were 1\.5 times as fast\.$/,
    ],
    ["flags : avx512f avx512_vnni", /; this processor has instructions for it/],
    ["model name : x", /; how much faster is not known of this processor\.$/],
  ] as const) {
    const cpuinfo = await folder.write("cpuinfo", flags);
    const { sentence } = await describePrecision(suitable, cpuinfo);
    assert.match(sentence, /^`--precision auto` tries int8 on 12 or more photos of a run/);
    assert.match(sentence, expected);
  }
});

test("auto stays with float32 where a network in int8 cannot be made", {
  skip: mayHaveGpu() && "there may be a GPU",
}, async () => {
  await using folder = await ModelFolder.create();
  const [values, found] = [
    [8, 8, 4, 4, 0],
    [8, 8, 4, 4, 0.9],
  ];
  const names = { names: "{0: 'thing'}" };
  const model = readWholeModel(
    familyNetwork({ layout: "channels", values, found, metadata: names }),
  );
  const old = await folder.write("old.onnx", serializeModel({ ...model, opsetVersion: 12 }));
  const { signal } = new AbortController();
  const { verdict, sentence } = (await lookAtModel(old, { signal })).found.get("precision")!;
  assert.equal(verdict, "green");
  assert.match(sentence, /^`--precision auto` stays with float32\. .* 13 or newer .*, got 12\./);
});

test("a measuring process that cannot start is a finding of the model", async () => {
  const env = { NODE_OPTIONS: "--no-such-option" };
  const { signal } = new AbortController();
  const survey = measure({ kind: "survey" }, { signal, env });
  await assert.rejects(survey, /the process that measures it died \(status 9\): .*no-such-option/);
});

test("a model that is not there is red, and leaves nothing", async () => {
  const { signal } = new AbortController();
  const { found, processBytes } = await lookAtModel("/nowhere/plants.pt", { signal });
  assert.deepEqual([...found.keys()], ["model"]);
  assert.equal(processBytes, undefined);
  const { verdict, sentence, figures } = found.get("model")!;
  assert.deepEqual([verdict, figures?.code], ["red", "MODEL_NOT_FOUND"]);
  assert.match(sentence, /^Expected a model file at `\/nowhere\/plants\.pt`/);
});
