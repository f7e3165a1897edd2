import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type ErrorCode, errorCodes, isOrangeryError, OrangeryError, textOf } from "./errors.ts";

test("an error carries its code, message, cause and details", () => {
  const cause = new Error("ENOENT");
  const error = new OrangeryError("MODEL_NOT_FOUND", "Expected a model.", {
    cause,
    details: { path: "a.onnx" },
  });
  assert.ok(error instanceof Error);
  assert.equal(error.name, "OrangeryError");
  assert.equal(error.code, "MODEL_NOT_FOUND");
  assert.equal(error.message, "Expected a model.");
  assert.equal(error.cause, cause);
  assert.deepEqual(error.details, { path: "a.onnx" });
});

test("an error without cause and details has no cause and empty details", () => {
  const error = new OrangeryError("NO_SPACE", "Expected room.");
  assert.equal("cause" in error, false);
  assert.deepEqual(error.details, {});
});

test("an error has its code's blame and says whether a retry can help", () => {
  for (const [code, { blames, retryable }] of Object.entries(errorCodes)) {
    const error = new OrangeryError(code as ErrorCode, "");
    assert.deepEqual([error.blames, error.retryable], [blames, retryable], code);
  }
});

test("isOrangeryError tells ours from others, and one code from another", () => {
  const error = new OrangeryError("NO_SPACE", "");
  const table: [unknown, ErrorCode | undefined, boolean][] = [
    [undefined, undefined, false],
    [null, "NO_SPACE", false],
    [new Error("NO_SPACE"), undefined, false],
    [{ code: "NO_SPACE", name: "OrangeryError" }, "NO_SPACE", false],
    [error, undefined, true],
    [error, "NO_SPACE", true],
    [error, "LEDGER_BUSY", false],
  ];
  for (const [value, code, expected] of table) {
    assert.equal(isOrangeryError(value, code), expected, `${value} ${code}`);
  }
});

test("isOrangeryError knows an error of another copy of the package", async () => {
  const url = new URL("./errors.ts?copy", import.meta.url).href;
  const copy: typeof import("./errors.ts") = await import(url);
  const error = new copy.OrangeryError("NO_SPACE", "");
  assert.ok(!(error instanceof OrangeryError));
  assert.ok(isOrangeryError(error, "NO_SPACE"));
  assert.ok(!isOrangeryError(Object.assign(error, { code: "OF_A_LATER_VERSION" })));
});

test("textOf has a text for whatever is thrown", () => {
  assert.equal(textOf(new Error("no photo")), "no photo");
  assert.equal(textOf("no photo"), "no photo");
  const broken = new Error();
  Object.defineProperty(broken, "message", { get: () => assert.fail() });
  for (const thrown of [Object.create(null), broken]) assert.match(textOf(thrown), /no text/);
});

test("docs/errors.md and the registry agree: codes, order, blame, retryable and meaning", () => {
  const document = readFileSync(new URL("../docs/errors.md", import.meta.url), "utf8");
  const rows = document
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").slice(1, -1));
  for (const row of rows) assert.equal(row.length, 5, `a row of five columns: ${row[0]}`);
  const documented = rows.map(([code, blames, retryable, summary, advice]) => {
    assert.notEqual(advice!.trim(), "", `${code} says what to do`);
    return {
      code: code!.trim(),
      blames: blames!.trim(),
      retryable: retryable!.trim(),
      summary: summary!.trim(),
    };
  });
  const registered = Object.entries(errorCodes).map(([code, { blames, retryable, summary }]) => ({
    code: `\`${code}\``,
    blames,
    retryable: retryable ? "yes" : "no",
    summary,
  }));
  assert.deepEqual(documented, registered);
});
