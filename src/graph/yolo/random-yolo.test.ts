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
    ["v8", "n", "detect", 3_151_904, 8.7],
    ["v8", "m", "detect", 25_886_080, 78.9],
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
      const network = randomYolo({ family, scale, task, classCount: 80, seed: 0 });
      const complexity = complexityOf(network, [640, 640]);
      assert.equal(complexity.parameterCount, parameters);
      assert.equal(complexity.gflops.toFixed(1), gflops.toFixed(1));
    });
  }

  test("makes blocks of every family, shallow and deep, fit each other", () => {
    for (const family of ["v8", "11", "12", "26"] as const) {
      for (const scale of ["s", "l"] as const) {
        const network = randomYolo({ family, scale, task: "segment", classCount: 3, seed: 0 });
        assert.ok(complexityOf(network, [96, 64]).parameterCount > 1e6);
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
