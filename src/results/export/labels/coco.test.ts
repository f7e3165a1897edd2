import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { exampleResult } from "../../recorded-photos.fixture.ts";
import { toCoco } from "./coco.ts";

const stored = {
  contentSha256: "",
  recipeHash: "",
  createdAt: "2026-11-25T12:00:00.000Z",
  capture: {},
};

/** Photos without objects, by the class names of the model that looked at them. */
async function* photosOf(...models: readonly (readonly string[])[]): AsyncGenerator<StoredResult> {
  for (const [id, names] of models.entries()) {
    yield { ...exampleResult({ names }), ...stored, id, source: `/${id}.jpg` };
  }
}

async function categoriesOf(results: AsyncIterable<StoredResult>): Promise<string[]> {
  let list = "";
  const images = {
    write: async (piece: string | Uint8Array) => {
      list += piece;
    },
    read: async function* () {
      yield list;
    },
  };
  let coco = "";
  for await (const piece of toCoco(results, { recipeHash: "", images })) coco += piece;
  const { categories }: { categories: { name: string }[] } = JSON.parse(coco);
  return categories.map(({ name }) => name);
}

test("every class of every model is a category, also of models with as many classes", async () => {
  const cases: [string[][], string[]][] = [
    [[], []],
    [
      [
        ["plant", "weed"],
        ["plant", "weed"],
      ],
      ["plant", "weed"],
    ],
    [
      [
        ["plant", "weed"],
        ["plant", "stone"],
      ],
      ["plant", "weed", "stone"],
    ],
    [
      [["plant", "weed"], ["plant"], ["plant", "weed", "stone"]],
      ["plant", "weed", "stone"],
    ],
  ];
  for (const [models, names] of cases) {
    assert.deepEqual(await categoriesOf(photosOf(...models)), names);
  }
});
