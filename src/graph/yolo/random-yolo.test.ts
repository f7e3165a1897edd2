import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { complexityOf } from "./complexity.ts";
import { randomYolo } from "./random-yolo.fixture.ts";
import type { YoloFamily, YoloScale } from "./yolo-families.fixture.ts";

describe("randomYolo", () => {
  /** Parameters once fused, and GFLOPs at 640, as Ultralytics publishes or prints them. */
  const published: readonly (readonly [
    YoloFamily,
    YoloScale,
    "detect" | "segment",
    number,
    number,
  ])[] = [
    ["v3-tiny", "n", "detect", 12_168_784, 19],
    ["v6", "n", "detect", 4_495_392, 12.9],
    ["v8", "n", "detect", 3_151_904, 8.7],
    ["v8", "m", "detect", 25_886_080, 78.9],
    ["v8-p6", "n", "detect", 4_976_656, 8.7],
    ["v8-ghost", "n", "detect", 1_860_332, 5.7],
    ["v9", "t", "detect", 2_094_000, 8.2],
    ["v9", "s", "detect", 7_198_048, 26.9],
    ["v9", "m", "detect", 20_070_832, 76.8],
    ["v9", "c", "segment", 27_686_208, 147.9],
    ["v9", "e", "detect", 57_438_080, 189.5],
    ["v10", "n", "detect", 2_299_264, 6.7],
    ["v10", "s", "detect", 7_248_960, 21.6],
    ["v10", "m", "detect", 15_359_488, 59.1],
    ["v10", "b", "detect", 19_065_792, 92],
    ["v10", "x", "detect", 29_473_568, 160.4],
    ["11", "n", "detect", 2_616_248, 6.5],
    ["11", "m", "detect", 20_091_712, 68],
    ["11", "m", "segment", 22_396_992, 113.2],
    ["12", "n", "detect", 2_590_824, 6.5],
    ["26", "n", "detect", 2_408_932, 5.4],
    ["26", "m", "detect", 20_411_132, 68.2],
    ["26", "m", "segment", 23_569_148, 121.5],
  ];
  for (const [family, scale, task, parameters, gflops] of published) {
    test(`has ${parameters} parameters and ${gflops} GFLOPs for YOLO${family}${scale}, ${task}`, () => {
      const network = randomYolo({ family, scale, task, classCount: 80 });
      const complexity = complexityOf(network, [640, 640]);
      assert.equal(complexity.parameterCount, parameters);
      assert.equal(complexity.gflops.toFixed(1), gflops.toFixed(1));
    });
  }

  test("makes blocks of every family, shallow and deep, fit each other", () => {
    for (const family of ["v6", "v8", "v8-p6", "v8-ghost", "v10", "11", "12", "26"] as const) {
      for (const scale of ["s", "l"] as const) {
        const network = randomYolo({ family, scale, task: "segment", classCount: 3 });
        assert.ok(complexityOf(network, [128, 64]).parameterCount > 1e6);
      }
    }
  });

  for (const classCount of [0, -1, 1.5]) {
    test(`refuses ${classCount} classes`, () => {
      assert.throws(
        () => randomYolo({ family: "11", scale: "n", task: "detect", classCount, seed: 0 }),
        (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
      );
    });
  }
});
