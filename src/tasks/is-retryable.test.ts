import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OrangeryError } from "../errors.ts";
import { isRetryable } from "./is-retryable.ts";

function aborted(reason?: unknown): unknown {
  return AbortSignal.abort(reason).reason;
}

describe("an error says whether a retry helps", () => {
  const rows: [what: string, error: unknown, retryable: boolean][] = [
    ["nothing at all", undefined, true],
    ["null", null, true],
    ["a thrown text", "no", true],
    ["an unreadable photo", new OrangeryError("PHOTO_UNREADABLE", "…"), false],
    ["a locked ledger", new OrangeryError("LEDGER_BUSY", "…"), true],
    ["a model that did not load", new OrangeryError("MODEL_LOAD_FAILED", "…"), true],
    ["an unknown model name", new OrangeryError("MODEL_NAME_UNKNOWN", "…"), false],
    ["an interrupted task", new OrangeryError("TASK_INTERRUPTED", "…"), true],
    ["a foreign error", new Error("connect ECONNREFUSED"), true],
    ["fetch's error of a broken connection", new TypeError("fetch failed"), true],
    ["a foreign error that says no", Object.assign(new Error("…"), { retryable: false }), false],
    [
      "a foreign error that says it oddly",
      Object.assign(new Error("…"), { retryable: "no" }),
      true,
    ],
    ["an abort", aborted(), false],
    [
      "an abort with a reason that says yes",
      aborted(new OrangeryError("TASK_INTERRUPTED", "…")),
      true,
    ],
    ["a time limit", new DOMException("…", "TimeoutError"), true],
  ];
  for (const [what, error, retryable] of rows) {
    test(`${what}: ${retryable ? "yes" : "no"}`, () => {
      assert.equal(isRetryable(error), retryable);
    });
  }
});
