import assert from "node:assert/strict";
import { test } from "node:test";
import { type ErrorCode, OrangeryError } from "../../errors.ts";
import { type RuledOut, toStartFailure } from "./start-failure.ts";

const of = (code: ErrorCode, cause?: unknown) => new OrangeryError(code, code, { cause });

const cases: readonly (readonly [error: unknown, ruledOut: RuledOut])[] = [
  [of("INVALID_ARGUMENT"), "fleet"],
  [of("TASK_MODULE_UNUSABLE"), "fleet"],
  [of("DEVICE_UNKNOWN"), "fleet"],
  [of("MODEL_NOT_FOUND"), "fleet"],
  [of("MODEL_NOT_ONNX", of("ORT_FAILED")), "fleet"],
  [of("PACKAGE_MISSING"), "fleet"],
  [of("QUEUE_ACCESS_DENIED"), "fleet"],
  [of("LEDGER_NEWER"), "program"],
  [of("NOT_WRITABLE", new Error("EACCES")), "fleet"],
  [of("DEVICE_UNAVAILABLE", of("DEVICE_UNAVAILABLE")), "slot"],
  [of("DEVICE_UNAVAILABLE", of("ORT_FAILED")), "attempt"],
  [of("DEVICE_UNAVAILABLE", of("MODEL_LOAD_FAILED")), "attempt"],
  [of("ORT_FAILED"), "attempt"],
  [of("MODEL_LOAD_FAILED"), "attempt"],
  [of("QUEUE_UNREACHABLE"), "attempt"],
  [of("LEDGER_UNREACHABLE"), "attempt"],
  [of("NO_SPACE"), "attempt"],
  [Object.assign(new Error("a copy"), { code: "MODEL_NOT_YOLO", retryable: false }), "fleet"],
  [new TypeError("fetch failed"), "attempt"],
  [new DOMException("stop", "AbortError"), "attempt"],
  [undefined, "attempt"],
];

for (const [error, ruledOut] of cases) {
  const cause = error instanceof OrangeryError ? error.cause : undefined;
  const by = cause === undefined ? "" : ` because of ${cause}`;
  test(`${error}${by} rules out: ${ruledOut}`, () => {
    assert.equal(toStartFailure(error).ruledOut, ruledOut);
  });
}
