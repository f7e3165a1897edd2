import assert from "node:assert/strict";
import { test } from "node:test";
import { isOrangeryError } from "../errors.ts";
import { createRecipe, type RecipeValue } from "./recipe.ts";

const cases: { contents: Record<string, RecipeValue>; json: string }[] = [
  { contents: {}, json: "{}" },
  { contents: { b: 1, a: "x" }, json: '{"a":"x","b":1}' },
  {
    contents: { b: { d: [1, { z: null, y: true }], c: 0.25 }, a: undefined },
    json: '{"b":{"c":0.25,"d":[1,{"y":true,"z":null}]}}',
  },
  { contents: { list: [undefined, 1e21], "ä\n": "é" }, json: '{"list":[null,1e+21],"ä\\n":"é"}' },
];

for (const { contents, json } of cases) {
  test(`the canonical form of a recipe is ${json}`, () => {
    assert.equal(createRecipe(contents).json, json);
  });
}

test("equal contents in another order have the same hash, other contents another one", () => {
  const { hash } = createRecipe({ detect: { sha256: "a", iou: 0.7 }, version: 1 });
  assert.match(hash, /^[0-9a-f]{64}$/);
  assert.equal(createRecipe({ version: 1, detect: { iou: 0.7, sha256: "a" } }).hash, hash);
  assert.notEqual(createRecipe({ version: 1, detect: { iou: 0.71, sha256: "a" } }).hash, hash);
});

test("a number that JSON cannot hold is refused", () => {
  assert.throws(
    () => createRecipe({ iou: Number.NaN }),
    (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
  );
});
