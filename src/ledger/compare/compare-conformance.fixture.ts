import assert from "node:assert/strict";
import { readRecipeChoices } from "../browse/progress.ts";
import { openLedger } from "../open-ledger.ts";
import { lastIdOf } from "../parts.ts";
import { createRecipe } from "../recipe.ts";
import { foundPhoto, plainRecipe, plainResult } from "../results/photo-results.fixture.ts";
import { ResultStore } from "../results/result-store.ts";
import { readDifferentPhotos, readPairTotals } from "./compare-recipes.ts";

const otherRecipe = createRecipe({ detect: { sha256: "e".repeat(64), confidence: 0.25 } });

/** Two recipes on the same photos, on both databases; part of the conformance of ledgers. */
export const compareConformance = [
  {
    name: "two recipes are compared in total, by class and by photo, on what both have counted on",
    async check(location: string) {
      await using ledger = await openLedger(location);
      const record = async (recipe: typeof plainRecipe, plants: readonly number[]) => {
        const store = await ResultStore.open(ledger, recipe);
        await store.record(
          plants.map((count, i) => ({ ...foundPhoto(i), result: plainResult(count) })),
        );
      };
      await record(plainRecipe, [5, 5, 5, 5, 5, 9]);
      await record(otherRecipe, [5, 8, 1, 6, 8]);
      const { recipes } = await readRecipeChoices(ledger);
      const [firstId, secondId] = recipes.map(({ id }) => id) as [number, number];
      const pair = { firstId, secondId };
      const toId = 1 + (await ledger.read((db) => lastIdOf(db, "photo")));
      assert.deepEqual(await readPairTotals(ledger, { ...pair, fromId: 1, toId }), {
        photos: 5,
        fewer: 1,
        equal: 1,
        more: 3,
        apart: 3 + 4 + 1 + 3,
        counts: new Map([
          ["plant", [25, 28]],
          ["weed", [5, 5]],
        ]),
      });
      const nothing = await readPairTotals(ledger, { ...pair, fromId: toId, toId: toId + 9 });
      assert.deepEqual([nothing.photos, nothing.apart, nothing.counts.size], [0, 0, 0]);

      const seen: [number, number][] = [];
      for (let after: string | undefined; ; ) {
        const page = await readDifferentPhotos(ledger, { ...pair, after, limit: 2 });
        assert.ok(page.photos.length <= 2);
        seen.push(...page.photos.map(({ first, second }): [number, number] => [first, second]));
        after = page.next;
        if (after === undefined) break;
      }
      // With the weed; the photos that differ as much come in the order of their ids.
      const expected = [
        [6, 2],
        [6, 9],
        [6, 9],
        [6, 7],
      ];
      assert.deepEqual(seen, expected);
      const weeds = { ...pair, className: "weed", limit: 9 };
      assert.deepEqual(await readDifferentPhotos(ledger, weeds), { photos: [], next: undefined });
      const plants = await readDifferentPhotos(ledger, { ...pair, className: "plant", limit: 1 });
      assert.deepEqual([plants.photos[0]?.first, plants.photos[0]?.second], [5, 1]);
    },
  },
];
