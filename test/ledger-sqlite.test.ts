import assert from "node:assert/strict";
import { chmod, mkdir, mkdtempDisposable, readdir, rename, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { sql } from "kysely";
import { isOrangeryError } from "../src/errors.ts";
import { ledgerConformance } from "../src/ledger/ledger-conformance.fixture.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { foundPhoto, plainRecipe } from "../src/ledger/results/photo-results.fixture.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { readRecipes, readResults } from "../src/ledger/results/stored-results.ts";
import { Worklist } from "../src/ledger/worklist/worklist.ts";

const temporaryFolder = () => mkdtempDisposable(join(tmpdir(), "orangery-ledger-"));

async function writeResults(file: string, photos: number): Promise<void> {
  await using ledger = await openLedger(file);
  const store = await ResultStore.open(ledger, plainRecipe);
  await store.record(Array.from({ length: photos }, (_, i) => foundPhoto(i)));
}

async function countResults(file: string): Promise<number> {
  await using ledger = await openLedger(file, { readOnly: true });
  let count = 0;
  for await (const _ of readResults(ledger)) count++;
  return count;
}

describe("a results file of SQLite", () => {
  for (const { name, check } of ledgerConformance) {
    test(name, async () => {
      await using folder = await temporaryFolder();
      await check(join(folder.path, "results.db"));
    });
  }

  test("is read during a run, by a reader that is no owner and writes nothing", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "results.db");
    await writeResults(file, 3);
    await using worklist = await Worklist.open(file, plainRecipe);
    await worklist.add([{ source: "/new.jpg", sizeBytes: 1, mtimeUs: 1 }]);
    await worklist.lease(1);

    await using reader = await openLedger(file, { readOnly: true });
    const [recipe] = await readRecipes(reader);
    assert.deepEqual([recipe?.done, recipe?.left], [3, 1]);
    assert.equal(await worklist.isShared(), false);
    await assert.rejects(
      reader.write((transaction) => sql`delete from entry`.execute(transaction)),
      (error) => isOrangeryError(error, "LEDGER_UNREADABLE"),
    );
    assert.equal((await worklist.view.states()).leased, 1);
  });

  for (const [what, spoil] of [
    ["removed", (file: string) => rm(file)],
    ["moved", (file: string) => rename(file, `${file}.moved`)],
    ["emptied", (file: string) => truncate(file)],
    ["replaced", (file: string) => rename(`${file}.other`, file)],
  ] as const) {
    test(`takes no more results once it is ${what}, which would be lost`, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, "results.db");
      await writeResults(`${file}.other`, 1);
      await using ledger = await openLedger(file);
      const store = await ResultStore.open(ledger, plainRecipe);
      await store.record([foundPhoto(0)]);
      await spoil(file);
      await assert.rejects(store.record([foundPhoto(1)]), { code: "LEDGER_NOT_FOUND" });
    });

    test(`is not read on once it is ${what}, as it was before`, async () => {
      await using folder = await temporaryFolder();
      const file = join(folder.path, "results.db");
      await writeResults(file, 3);
      await writeResults(`${file}.other`, 1);
      await using reader = await openLedger(file, { readOnly: true });
      assert.equal((await readRecipes(reader))[0]?.done, 3);
      await spoil(file);
      await assert.rejects(readRecipes(reader), { code: "LEDGER_NOT_FOUND" });
    });
  }

  test("is left alone in its folder by a reader", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "results.db");
    await writeResults(file, 3);
    assert.equal(await countResults(file), 3);
    assert.deepEqual(await readdir(folder.path), ["results.db"]);
  });

  test("is read in a folder that may not be written", {
    skip: process.getuid?.() === 0 && "root may write anywhere",
  }, async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "archive", "results.db");
    await mkdir(dirname(file));
    await writeResults(file, 3);
    await chmod(dirname(file), 0o500);
    try {
      assert.equal(await countResults(file), 3);
    } finally {
      await chmod(dirname(file), 0o700);
    }
  });

  test("takes no second results of a run, and the run none of a second", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "results.db");
    await using worklist = await Worklist.open(file, plainRecipe);
    const { result, contentSha256, ...photo } = foundPhoto(1);
    const { source, sizeBytes = 0, mtimeUs = 0 } = photo;
    await worklist.add([{ source, sizeBytes, mtimeUs }]);
    const [leased] = await worklist.lease(1);
    await worklist.begin(leased!);
    const content = { sha256: contentSha256, sizeBytes, mtimeUs };
    assert.equal(await worklist.claim(leased!, content), "infer");
    await writeResults(file, 3);
    assert.equal(await worklist.finish(leased!, { contentSha256, result }), false);
    assert.equal(await countResults(file), 3);
  });

  for (const location of ["mysql://localhost/results", "file:///results.db"]) {
    test(`is not taken for one at ${location}`, async () => {
      await assert.rejects(openLedger(location), (error) =>
        isOrangeryError(error, "INVALID_ARGUMENT"),
      );
    });
  }
});
