import assert from "node:assert/strict";
import { test } from "node:test";
import * as run from "./run.ts";

test("orangery/run offers the job, int8 and float16, and reading, comparing, reviewing and forgetting results, and nothing else", () => {
  // Written out, so that nothing becomes public, or ceases to be, without somebody deciding it.
  assert.deepEqual(Object.keys(run).sort(), [
    "PhotoJob",
    "Truth",
    "compareResults",
    "correctPhoto",
    "drawReviewList",
    "forgetPhotos",
    "openLedger",
    "quantizeModelFile",
    "readChosenCounts",
    "readChosenResults",
    "readChosenTotals",
    "readCountTotals",
    "readCounts",
    "readFailures",
    "readPhotoReview",
    "readQueuePage",
    "readRecipeChoices",
    "readRecipes",
    "readResults",
    "readReviewEstimate",
    "readReviewLists",
    "readScores",
    "readTruth",
    "readTruthResults",
    "tryFloat16",
    "tryInt8",
    "whyRefused",
  ]);
});
