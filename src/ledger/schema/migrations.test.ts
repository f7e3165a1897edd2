import assert from "node:assert/strict";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { Kysely } from "kysely";
import { isOrangeryError } from "../../errors.ts";
import { NodeSqliteDialect, sqliteMigrationDialect } from "../databases/sqlite-dialect.ts";
import { openLedger } from "../open-ledger.ts";
import { currentProcess } from "../process-identity.ts";
import { Worklist } from "../worklist/worklist.ts";
import { type LedgerUpdate, ledgerUpdateChannel } from "./ledger-update.ts";
import { schemaVersion } from "./migrations.ts";
import {
  assertBroughtForward,
  type OldVersion,
  oldRecipe,
  oldVersions,
  writeOldLedger,
} from "./old-ledger.fixture.ts";

/** A results file of an old version, in a folder of its own. */
async function createOldFile(version: OldVersion, changes: (old: DatabaseSync) => void = () => {}) {
  const folder = await mkdtempDisposable(join(tmpdir(), "orangery-migrations-"));
  const file = join(folder.path, "results.db");
  const old = new DatabaseSync(file);
  const db = new Kysely<unknown>({ dialect: new NodeSqliteDialect(old) });
  await writeOldLedger(db, sqliteMigrationDialect, version);
  old.exec(`pragma application_id = 0x4f524e47; pragma user_version = ${version}`);
  changes(old);
  old.close();
  return { file, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

for (const version of oldVersions) {
  test(`a file of version ${version} is brought up to date by a run, without loss`, async () => {
    await using old = await createOldFile(version);
    await (await Worklist.open(old.file, oldRecipe))[Symbol.asyncDispose]();
    await assertBroughtForward(old.file);
  });

  test(`a file of version ${version} is brought up to date by a reader, without loss`, async () => {
    await using old = await createOldFile(version);
    await assertBroughtForward(old.file);
    await assertBroughtForward(old.file);
  });
}

test("how far an update is can be followed", async () => {
  await using old = await createOldFile(7);
  const updates: unknown[] = [];
  const onUpdate = (update: unknown) => updates.push(update);
  ledgerUpdateChannel.subscribe(onUpdate);
  await (await openLedger(old.file))[Symbol.asyncDispose]();
  await (await openLedger(old.file))[Symbol.asyncDispose]();
  ledgerUpdateChannel.unsubscribe(onUpdate);
  const steps = updates as LedgerUpdate[];
  assert.deepEqual(
    steps.filter(({ done }) => done === 0).map(({ step }) => step),
    [8, 9, 10, 10, 11, 11],
  );
  for (const { location, from, to, done } of steps) {
    assert.deepEqual([location, from, to], [old.file, 7, schemaVersion]);
    assert.ok(done >= 0 && done <= 1);
  }
});

test("a file with which a run of an older version is at work is left as it is", async () => {
  const { host, pid, processStart } = currentProcess();
  await using old = await createOldFile(1, (database) =>
    database
      .prepare("insert into owner values ('x', ?, ?, ?, ?)")
      .run(host, pid, processStart, Date.now() + 60_000),
  );
  const before = await readFile(old.file);
  for (const readOnly of [false, true]) {
    await assert.rejects(openLedger(old.file, { readOnly }), (error) => {
      assert.ok(isOrangeryError(error, "LEDGER_BUSY"), String(error));
      assert.match(error.message, /older Orangery \(process \d+ on .*\) is at work/);
      return true;
    });
  }
  const kept = new DatabaseSync(old.file, { readOnly: true });
  assert.equal(kept.prepare("pragma user_version").get()!.user_version, 1);
  kept.close();
  assert.ok(before.length > 0);
});
