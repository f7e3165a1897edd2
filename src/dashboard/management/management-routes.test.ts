import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readPause } from "../../ledger/actions/pause-recipe.ts";
import { readRecipeChoices, readStates } from "../../ledger/browse/progress.ts";
import { openLedger } from "../../ledger/open-ledger.ts";
import { exampleResult, recordPhotos } from "../../results/recorded-photos.fixture.ts";
import { Refusal } from "../server/answers.ts";
import { answerManagement, applyManagementChange } from "./management-routes.ts";

const { signal } = new AbortController();
const reason = { code: "PHOTO_UNREADABLE", message: "no picture" };

test("photos of a filter, or some, are counted, changed and written down; nonsense is refused", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-management-"));
  const file = join(folder.path, "results.db");
  await recordPhotos(file, [
    { source: "/a/1.jpg", result: exampleResult({}) },
    { source: "/a/2.jpg", reason },
    { source: "/b/3.jpg", reason },
  ]);
  await using ledger = await openLedger(file);
  const [recipe] = (await readRecipeChoices(ledger)).recipes as [never];
  const ask = (path: string, query = "") =>
    answerManagement(ledger, {
      ...{ recipe, signal, parts: path.split("/") },
      query: new URLSearchParams(query),
    });
  const change = (path: string, body: object) =>
    applyManagementChange(ledger, { recipe, parts: [path], body: { by: "Anna", ...body } });
  const states = async () => {
    const { waiting, done, failed, excluded } = await readStates(ledger, 1);
    return [waiting, done, failed, excluded];
  };

  assert.deepEqual(await ask("count", "change=retry&under=/a"), { photos: 1 });
  assert.deepEqual(await ask("count", "change=exclude&ids=1,3,99"), { photos: 2 });
  const query = "under=/a&order=most";
  assert.deepEqual(await change("photos", { change: "retry", query }), { photos: 1 });
  assert.deepEqual(await change("photos", { change: "exclude", ids: [3] }), { photos: 1 });
  assert.deepEqual(await states(), [1, 1, 0, 1]);
  assert.deepEqual(await change("pause", { isPaused: true }), { hasChanged: true });
  assert.equal((await readPause(ledger, 1))?.person, "Anna");
  const { actions } = (await ask("actions")) as { actions: { kind: string; filter: object }[] };
  assert.deepEqual(
    actions.map(({ kind, filter }) => [kind, filter]),
    [
      ["pause", {}],
      ["exclude", { photos: "3" }],
      ["retry", { under: "/a" }],
    ],
  );

  const many = Array.from({ length: 1001 }, (_, i) => 1 + i);
  for (const refused of [
    () => ask("count", "change=drop"),
    () => ask("count", "change=retry&ids=1,x"),
    () => ask("count", "change=retry&state=none"),
    () => ask("elsewhere"),
    () => change("photos", { change: "forget" }),
    () => change("photos", { change: "forget", ids: [] }),
    () => change("photos", { change: "forget", ids: ["1 or 1=1"] }),
    () => change("photos", { change: "forget", ids: many }),
    () => change("photos", { change: "toString", ids: [1] }),
    () => change("photos", { by: 7, change: "forget", ids: [1] }),
    () => change("pause", { isPaused: "yes" }),
  ]) {
    await assert.rejects(refused, (error) => error instanceof Refusal, String(refused));
  }
  assert.deepEqual(await states(), [1, 1, 0, 1], "nothing was changed by these");
});
