import assert from "node:assert/strict";
import { test } from "node:test";
import { explainYoloOption } from "./yolo-options.ts";

const cases = [
  [
    "error: unknown option '--conf'\n",
    "error: unknown option '--conf'\n(Here it is --confidence.)\n",
  ],
  [
    "error: unknown option '--source'\n(Did you mean --slice?)\n",
    "error: unknown option '--source'\n" +
      "(Here it is photos and folders by themselves, without an option.)\n",
  ],
  [
    "error: unknown option '--max_det=9'\n",
    "error: unknown option '--max_det=9'\n(Here it is --max-detections.)\n",
  ],
  [
    "error: unknown option '--results'\n",
    "error: unknown option '--results'\n" +
      "(Here it is --out for run, and the results file by itself, without an option, for what " +
      "reads it.)\n",
  ],
  ["error: unknown option '--slise'\n(Did you mean --slice?)\n", undefined],
  ["error: missing required argument 'photos'\n", undefined],
] as const;
for (const [message, explained = message] of cases) {
  test(`explains ${JSON.stringify(message)}`, () => {
    assert.equal(explainYoloOption(message), explained);
  });
}
