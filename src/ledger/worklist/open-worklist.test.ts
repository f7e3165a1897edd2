import assert from "node:assert/strict";
import { mkdir, mkdtempDisposable, readFile, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { type ErrorCode, isOrangeryError } from "../../errors.ts";
import { createRecipe } from "../recipe.ts";
import { Worklist } from "./worklist.ts";

const recipe = createRecipe({ version: 1 });
const temporaryFolder = () => mkdtempDisposable(join(tmpdir(), "orangery-ledger-"));

async function rejectsWith(code: ErrorCode, message: RegExp, action: Promise<unknown>) {
  await assert.rejects(action, (error) => {
    assert.ok(isOrangeryError(error, code), String(error));
    assert.match(error.message, message);
    return true;
  });
}

test("a new file is made with the folders above it, and holds nothing", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "a", "b", "results.db");
  await using worklist = await Worklist.open(file, recipe);
  assert.equal(worklist.file, await realpath(file));
  assert.deepEqual(await worklist.view.states(), {
    waiting: 0,
    leased: 0,
    done: 0,
    failed: 0,
    excluded: 0,
  });
});

test("a file of 0 bytes becomes a ledger", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "results.db");
  await writeFile(file, "");
  await using _ledger = await Worklist.open(file, recipe);
});

test("many processes that open a new file at once all succeed", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "results.db");
  const ledgers = await Promise.all(Array.from({ length: 8 }, () => Worklist.open(file, recipe)));
  await Promise.all(ledgers.map((ledger) => ledger[Symbol.asyncDispose]()));
});

test("closing twice is closing once, and leaves one file", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "results.db");
  const ledger = await Worklist.open(file, recipe);
  await Promise.all([ledger[Symbol.asyncDispose](), ledger[Symbol.asyncDispose]()]);
  await ledger[Symbol.asyncDispose]();
  await assert.rejects(readFile(`${file}-wal`), { code: "ENOENT" });
});

test("a folder is refused", async () => {
  await using folder = await temporaryFolder();
  await rejectsWith("LEDGER_UNREADABLE", /is a folder/, Worklist.open(folder.path, recipe));
});

test("a file below a file is refused", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "a"), "");
  const file = join(folder.path, "a", "b", "results.db");
  await rejectsWith("LEDGER_UNREADABLE", /ENOTDIR/, Worklist.open(file, recipe));
});

test("a file that is no database is refused and stays as it is", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "notes.txt");
  const text = "These are my notes. ".repeat(500);
  await writeFile(file, text);
  await rejectsWith("LEDGER_UNREADABLE", /not a SQLite database/, Worklist.open(file, recipe));
  assert.equal(await readFile(file, "utf8"), text);
});

for (const setup of ["create table mine (a)", "pragma user_version = 3"]) {
  test(`a database of another program (${setup}) is refused and stays as it is`, async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "other.db");
    const other = new DatabaseSync(file);
    other.exec(setup);
    other.close();
    const before = await readFile(file);
    await rejectsWith("LEDGER_UNREADABLE", /another program/, Worklist.open(file, recipe));
    assert.deepEqual(await readFile(file), before);
  });
}

test("a file of a newer version is refused and says both versions", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "results.db");
  await (await Worklist.open(file, recipe))[Symbol.asyncDispose]();
  const newer = new DatabaseSync(file);
  newer.exec("pragma user_version = 99");
  newer.close();
  await rejectsWith(
    "LEDGER_NEWER",
    /version \d+ or older, but .* of version 99/,
    Worklist.open(file, recipe),
  );
});

test("a damaged file is refused", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "results.db");
  await (await Worklist.open(file, recipe))[Symbol.asyncDispose]();
  const bytes = await readFile(file);
  await writeFile(file, bytes.fill(0x55, 4096));
  await rejectsWith("LEDGER_UNREADABLE", /damaged/, Worklist.open(file, recipe));
});

test("a file that another process keeps locked is busy, and usable afterwards", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "results.db");
  await using worklist = await Worklist.open(file, recipe, { busyTimeoutMs: 30 });
  const other = new DatabaseSync(file);
  other.exec("begin immediate");
  await rejectsWith("LEDGER_BUSY", /kept it locked/, worklist.recordPicture("/a.jpg", 1));
  await rejectsWith(
    "LEDGER_BUSY",
    /kept it locked/,
    Worklist.open(file, recipe, { busyTimeoutMs: 30 }),
  );
  other.exec("rollback");
  other.close();
  await using _next = await Worklist.open(file, recipe, { busyTimeoutMs: 30 });
});

test("the state of all photos can be asked with plain SQL", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "results.db");
  await using worklist = await Worklist.open(file, recipe);
  await worklist.add([{ source: "/a.jpg", sizeBytes: 1, mtimeUs: 2 }]);
  const reader = new DatabaseSync(file, { readOnly: true });
  const row = reader.prepare("select source, state, recipe_hash from photo_result").get();
  reader.close();
  assert.deepEqual({ ...row }, { source: "/a.jpg", state: "waiting", recipe_hash: recipe.hash });
});

test("a folder that may not be written is not mistaken for a damaged file", {
  skip: process.getuid?.() === 0 && "root may write anywhere",
}, async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "locked"), { mode: 0o500 });
  const file = join(folder.path, "locked", "results.db");
  await rejectsWith("LEDGER_UNREADABLE", /rights/, Worklist.open(file, recipe));
});
