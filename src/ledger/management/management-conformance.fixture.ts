import assert from "node:assert/strict";
import { isOrangeryError } from "../../errors.ts";
import { readActions } from "../actions/action-log.ts";
import { readPause, setPaused } from "../actions/pause-recipe.ts";
import type { EntryFilter } from "../browse/entry-filter.ts";
import { readRecipeChoices, readStates } from "../browse/progress.ts";
import { openLedger } from "../open-ledger.ts";
import { foundPhoto, plainRecipe, plainResult } from "../results/photo-results.fixture.ts";
import { ResultStore } from "../results/result-store.ts";
import { changePhotos, type PhotoChange } from "./change-photos.ts";
import { countEntries, type EntrySelection } from "./select-entries.ts";

const actor = { person: "Anna", via: "control room" } as const;
const reason = { code: "PHOTO_UNREADABLE", message: "no picture" };
const { hash: recipeHash } = plainRecipe;

/** Six photos with results and three that failed, under the plain recipe. */
async function openExample(location: string) {
  const ledger = await openLedger(location);
  const store = await ResultStore.open(ledger, plainRecipe);
  await store.record(
    Array.from({ length: 6 }, (_, i) => ({ ...foundPhoto(i), result: plainResult(i) })),
  );
  for (let i = 6; i < 9; i++) {
    const code = i === 8 ? "PHOTO_NOT_FOUND" : reason.code;
    await store.recordFailure({ source: foundPhoto(i).source, reason: { ...reason, code } });
  }
  const { recipes } = await readRecipeChoices(ledger);
  const recipeId = recipes[0]!.id;
  const states = async () => {
    const { waiting, done, failed, excluded } = await readStates(ledger, recipeId);
    return { waiting, done, failed, excluded };
  };
  const change = (
    kind: PhotoChange,
    filter: EntryFilter,
    more: Partial<EntrySelection> & { readonly signal?: AbortSignal } = {},
  ) => {
    const { signal, ...selection } = more;
    const what = { recipeId, filter, ...selection };
    return changePhotos(ledger, kind, what, { actor, recipeHash, filter: {}, signal });
  };
  return { ledger, store, recipeId, states, change };
}

/** What people do to photos, on both databases; part of the conformance of ledgers. */
export const managementConformance = [
  {
    name: "failed photos wait again, those of a filter, and it is written down",
    async check(location: string) {
      const { ledger, recipeId, states, change } = await openExample(location);
      await using _closed = ledger;
      const filter = { code: reason.code };
      const selection = { recipeId, filter, states: ["failed"] } as const;
      assert.equal(await countEntries(ledger, selection), 2);
      assert.equal(await change("retry", filter), 2);
      assert.deepEqual(await states(), { waiting: 2, done: 6, failed: 1, excluded: 0 });
      assert.equal(await change("retry", filter), 0, "none is left");
      const [again, first] = await readActions(ledger, { limit: 9 });
      assert.deepEqual([again!.number, first!.number], [0, 2]);
      const { id, beganAt, endedAt, ...rest } = first!;
      assert.ok(beganAt <= endedAt!);
      assert.deepEqual(rest, { ...actor, kind: "retry", recipeHash, filter: {}, number: 2 });
    },
  },
  {
    name: "excluded photos count no more, whatever is recorded, until they are included",
    async check(location: string) {
      const { ledger, store, states, change } = await openExample(location);
      await using _closed = ledger;
      const { source } = foundPhoto(2);
      const places = [source, foundPhoto(6).source];
      assert.equal(await change("exclude", {}, { places }), 2);
      const excluded = { waiting: 0, done: 5, failed: 2, excluded: 2 };
      assert.deepEqual(await states(), excluded);
      // A job that was under way, and one whose photo has changed.
      await store.record([foundPhoto(2)]);
      await store.recordFailure({ source, reason });
      await store.record([{ ...foundPhoto(2), contentSha256: "f".repeat(64) }]);
      assert.deepEqual(await states(), excluded);
      const known = await store.knownSources([{ source, sizeBytes: 9, mtimeUs: 9 }]);
      assert.deepEqual([...known.values()], ["excluded"]);
      assert.equal(await change("retry", {}, { places }), 0);
      // What has a result counts again at once, the other one waits.
      assert.equal(await change("include", {}), 2);
      assert.deepEqual(await states(), { waiting: 1, done: 6, failed: 2, excluded: 0 });
    },
  },
  {
    name: "photos of a filter by score and count are forgotten with their results",
    async check(location: string) {
      const { ledger, recipeId, states, change } = await openExample(location);
      await using _closed = ledger;
      const misspelt = { className: "plnt", maxCount: 0 };
      const refusal = { code: "INVALID_ARGUMENT", message: /`class` .* 0 plant/ };
      const actions = (await readActions(ledger, { limit: 99 })).length;
      await assert.rejects(change("forget", misspelt), refusal);
      const unknown = countEntries(ledger, { recipeId, filter: misspelt, states: ["done"] });
      await assert.rejects(unknown, refusal);
      assert.equal((await readActions(ledger, { limit: 99 })).length, actions);
      const filter = { className: "plant", minCount: 3, minScore: 0.89 };
      const number = await countEntries(ledger, { recipeId, filter, states: ["done"] });
      assert.equal(number, 3);
      assert.equal(await change("forget", filter), number);
      assert.equal((await states()).done, 6 - number);
      const photoIds = [1, 9_999];
      assert.equal(await change("forget", {}, { photoIds }), 1);
      assert.equal((await states()).done, 5 - number);
    },
  },
  {
    name: "what is ended early stays as far as it went, with the number, and has no end",
    async check(location: string) {
      const { ledger, recipeId, change } = await openExample(location);
      await using _closed = ledger;
      const ended = new AbortController();
      ended.abort(new Error("enough"));
      const signal = ended.signal;
      await assert.rejects(change("exclude", {}, { signal }), /enough/);
      const aborted = new AbortController();
      await assert.rejects(
        changePhotos(
          ledger,
          "exclude",
          { recipeId },
          {
            ...{ actor, recipeHash, filter: {}, signal: aborted.signal },
            onChanged: () => aborted.abort(new Error("enough")),
          },
        ),
      );
      const [action] = await readActions(ledger, { limit: 1 });
      assert.deepEqual([action!.number, action!.endedAt], [9, undefined]);
      const nobody = { actor: { ...actor, person: " \n" }, recipeHash, filter: {} };
      await assert.rejects(changePhotos(ledger, "retry", { recipeId }, nobody), (error) =>
        isOrangeryError(error, "INVALID_ARGUMENT"),
      );
    },
  },
  {
    name: "a recipe is paused and goes on, once each, by whom and since when",
    async check(location: string) {
      const { ledger, recipeId } = await openExample(location);
      await using _closed = ledger;
      const recipe = { id: recipeId, hash: recipeHash };
      assert.equal(await readPause(ledger, recipeId), undefined);
      assert.equal(await setPaused(ledger, recipe, { actor, isPaused: true }), true);
      assert.equal(await setPaused(ledger, recipe, { actor, isPaused: true }), false);
      assert.equal((await readPause(ledger, recipeId))?.person, "Anna");
      assert.equal(await setPaused(ledger, recipe, { actor, isPaused: false }), true);
      assert.equal(await readPause(ledger, recipeId), undefined);
      const actions = await readActions(ledger, { limit: 9 });
      assert.deepEqual(
        actions.map(({ kind }) => kind),
        ["resume", "pause"],
      );
    },
  },
];
