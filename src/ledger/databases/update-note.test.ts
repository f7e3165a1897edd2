import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtempDisposable, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Kysely } from "kysely";
import { isOrangeryError } from "../../errors.ts";
import { type LedgerUpdate, ledgerUpdateChannel } from "../schema/ledger-update.ts";
import { assertBroughtForward, writeOldLedger } from "../schema/old-ledger.fixture.ts";
import { NodeSqliteDialect, sqliteMigrationDialect } from "./sqlite-dialect.ts";
import { SqliteLedger } from "./sqlite-ledger.ts";

/** An old results file that a process of its own has begun to update. */
async function beginUpdate({ pauseMs }: { readonly pauseMs: number }) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-update-")));
  const file = join(folder.path, "results.db");
  const old = new DatabaseSync(file);
  await writeOldLedger(
    new Kysely<unknown>({ dialect: new NodeSqliteDialect(old) }),
    sqliteMigrationDialect,
    7,
  );
  old.exec(
    "pragma application_id = 0x4f524e47; pragma user_version = 7; pragma journal_mode = wal",
  );
  old.close();
  const program = new URL("./slow-update.fixture.ts", import.meta.url);
  const updater = fork(program, [file, String(pauseMs)]);
  stack.defer(() => end(updater));
  while (!existsSync(`${file}-update`)) await sleep(5);
  const owned = stack.move();
  return { folder: folder.path, file, updater, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

async function assertNoNote(folder: string): Promise<void> {
  // Where two connections close at once, each leaves SQLite's own files to the other.
  const names = (await readdir(folder)).filter((name) => !/-(shm|wal)$/.test(name));
  assert.deepEqual(names, ["results.db"]);
}

/** Calls back with each update that is reported in this process, until it is disposed. */
function onUpdates(call: (update: LedgerUpdate) => void): Disposable {
  const onMessage = (message: unknown) => call(message as LedgerUpdate);
  ledgerUpdateChannel.subscribe(onMessage);
  return { [Symbol.dispose]: () => ledgerUpdateChannel.unsubscribe(onMessage) };
}

test("a file that another process updates is waited for, and it is said how far that is", async () => {
  await using update = await beginUpdate({ pauseMs: 250 });
  const steps = new Set<number>();
  using _updates = onUpdates(({ location, pid, from, step }) => {
    assert.deepEqual([location, pid, from], [update.file, update.updater.pid, 7]);
    steps.add(step);
  });
  // Longer than the end of the update may take on a busy machine, shorter than the update.
  await (await SqliteLedger.open(update.file, { busyTimeoutMs: 400 }))[Symbol.asyncDispose]();
  assert.ok(steps.size > 1, `steps ${[...steps]}`);
  if (update.updater.exitCode === null) await once(update.updater, "exit");
  assert.equal(update.updater.exitCode, 0);
  await assertNoNote(update.folder);
  await assertBroughtForward(update.file);
});

test("an update whose process is killed is made by the next", async () => {
  await using update = await beginUpdate({ pauseMs: 60_000 });
  using _updates = onUpdates(({ pid }) => {
    if (pid === update.updater.pid) update.updater.kill("SIGKILL");
  });
  await (await SqliteLedger.open(update.file, { busyTimeoutMs: 1000 }))[Symbol.asyncDispose]();
  await assertNoNote(update.folder);
  await assertBroughtForward(update.file);
});

test("what a killed process has left has nobody wait for a file that others keep", async () => {
  await using update = await beginUpdate({ pauseMs: 60_000 });
  await end(update.updater);
  using other = new DatabaseSync(update.file);
  other.exec("begin immediate");
  await assert.rejects(SqliteLedger.open(update.file, { busyTimeoutMs: 10 }), (error) =>
    isOrangeryError(error, "LEDGER_BUSY"),
  );
});
