import assert from "node:assert/strict";
import { test } from "node:test";
import type { JobQueue } from "./fleet-queues.ts";
import { chooseQueues } from "./recipe-choice.ts";

const queue = {} as JobQueue["queue"];
const ofRecipe = (name: string, hash: string): JobQueue => ({
  recipe: { name, hash, document: {}, addedAt: "" },
  queue,
});
const queues: JobQueue[] = [
  { recipe: undefined, queue },
  ofRecipe("plants", "aa11"),
  ofRecipe("plants", "ab22"),
  ofRecipe("beds", "cc33"),
];
const hashes = (chosen: readonly JobQueue[]) => chosen.map(({ recipe }) => recipe?.hash);

test("all queues are meant where no recipe is named", () => {
  assert.equal(chooseQueues(queues, undefined), queues);
});

test("recipes are named by their names or the beginnings of their hashes", () => {
  assert.deepEqual(hashes(chooseQueues(queues, ["beds", "ab"])), ["ab22", "cc33"]);
});

test("a name that may mean several recipes, or none, is refused", () => {
  for (const [wanted, message] of [
    ["plants", /may be several: plants \(aa11\), plants \(ab22\)\. Give the hash/],
    ["a", /may be several/],
    ["trees", /to have a recipe trees, but it has plants \(aa11\), plants \(ab22\), beds \(cc33\)/],
  ] as const) {
    assert.throws(() => chooseQueues(queues, [wanted]), { code: "RECIPE_NOT_FOUND", message });
  }
});
