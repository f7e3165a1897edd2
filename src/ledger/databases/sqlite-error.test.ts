import assert from "node:assert/strict";
import { test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { isBusy, toLedgerError } from "./sqlite-error.ts";

const sqliteError = (errcode: number) =>
  Object.assign(new Error("from SQLite"), { code: "ERR_SQLITE_ERROR", errcode });

// https://sqlite.org/rescode.html
const cases: [name: string, errcode: number, code: string][] = [
  ["SQLITE_BUSY", 5, "LEDGER_BUSY"],
  ["SQLITE_BUSY_SNAPSHOT", 517, "LEDGER_BUSY"],
  ["SQLITE_LOCKED", 6, "LEDGER_BUSY"],
  ["SQLITE_FULL", 13, "NO_SPACE"],
  ["SQLITE_IOERR_WRITE", 778, "NO_SPACE"],
  ["SQLITE_IOERR_SHMSIZE", 4874, "NO_SPACE"],
  ["SQLITE_IOERR_READ", 266, "LEDGER_UNREADABLE"],
  ["SQLITE_CORRUPT", 11, "LEDGER_UNREADABLE"],
  ["SQLITE_NOTADB", 26, "LEDGER_UNREADABLE"],
  ["SQLITE_CANTOPEN", 14, "LEDGER_UNREADABLE"],
  ["SQLITE_READONLY", 8, "LEDGER_UNREADABLE"],
  ["SQLITE_PERM", 3, "LEDGER_UNREADABLE"],
  ["SQLITE_PROTOCOL", 15, "LEDGER_UNREADABLE"],
  ["SQLITE_NOLFS", 22, "LEDGER_UNREADABLE"],
];

for (const [name, errcode, code] of cases) {
  test(`${name} becomes ${code}`, () => {
    const cause = sqliteError(errcode);
    const error = toLedgerError(cause, "/data/results.db");
    assert.ok(isOrangeryError(error, code as "NO_SPACE"));
    assert.equal(error.cause, cause);
    assert.match(error.message, /\/data\/results\.db/);
    assert.equal(isBusy(cause), code === "LEDGER_BUSY");
  });
}

test("other errors stay as they are", () => {
  for (const error of [new TypeError("x"), undefined, sqliteError(1)]) {
    assert.equal(toLedgerError(error, "f"), error);
    assert.equal(isBusy(error), false);
  }
});

for (const code of ["ENOSPC", "EDQUOT", "EFBIG"]) {
  test(`${code} of any file becomes NO_SPACE`, () => {
    const cause = Object.assign(new Error(code), { code });
    const error = toLedgerError(cause, "/data/a.jpg");
    assert.ok(isOrangeryError(error, "NO_SPACE"));
    assert.match(error.message, /\/data\/a\.jpg/);
  });
}
