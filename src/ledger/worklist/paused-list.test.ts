import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setPaused } from "../actions/pause-recipe.ts";
import { readRecipeChoices } from "../browse/progress.ts";
import { changePhotos } from "../management/change-photos.ts";
import { openLedger } from "../open-ledger.ts";
import { plainRecipe, plainResult } from "../results/photo-results.fixture.ts";
import { Worklist } from "./worklist.ts";

const actor = { person: "Anna", via: "command line" } as const;

test("a run that is at work gets no photo while it is paused, and loses those excluded", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-paused-"));
  const file = join(folder.path, "results.db");
  await using worklist = await Worklist.open(file, plainRecipe);
  const add = () =>
    worklist.add(["/a.jpg", "/b.jpg"].map((source) => ({ source, sizeBytes: 1, mtimeUs: 1 })));
  await add();
  await using ledger = await openLedger(file);
  const [recipe] = (await readRecipeChoices(ledger)).recipes;
  const pause = (isPaused: boolean) => setPaused(ledger, recipe!, { actor, isPaused });

  await pause(true);
  assert.deepEqual(await worklist.lease(8), []);
  assert.equal((await worklist.pause())?.person, "Anna");
  assert.equal(await worklist.isUnfinished(), true);
  await pause(false);
  const [a, b] = await worklist.lease(8);
  assert.deepEqual([a?.source, b?.source], ["/a.jpg", "/b.jpg"]);

  await worklist.begin(a!);
  const contentSha256 = "a".repeat(64);
  assert.equal(
    await worklist.claim(a!, { sha256: contentSha256, sizeBytes: 1, mtimeUs: 1 }),
    "infer",
  );
  const all = { recipeId: recipe!.id, places: ["/a.jpg"] };
  const record = { actor, recipeHash: recipe!.hash, filter: {} };
  assert.equal(await changePhotos(ledger, "exclude", all, record), 1);
  assert.equal(await worklist.finish(a!, { contentSha256, result: plainResult(1) }), false);
  await worklist.release([b!]);
  // Added again, as by the next run, also with a file that has changed.
  await add();
  await worklist.add([{ source: "/a.jpg", sizeBytes: 2, mtimeUs: 2 }], { retry: true });
  const { waiting, excluded } = await worklist.view.states();
  assert.deepEqual([waiting, excluded], [1, 1]);
});
