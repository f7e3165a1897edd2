import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OrangeryError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { type FailureCircumstances, logFailure } from "./task-log.ts";

type Line = Record<string, unknown>;

function lineOf(error: unknown, circumstances: Partial<FailureCircumstances> = {}): Line {
  const lines: Line[] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, ...fields });
  const log: Logger = {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: () => log,
  };
  logFailure(log, error, {
    durationMs: 5,
    isCancelled: false,
    isLastAttempt: false,
    ...circumstances,
  });
  const [line, ...others] = lines;
  assert.equal(others.length, 0);
  return line!;
}

describe("a failure is logged", () => {
  for (const isLastAttempt of [false, true]) {
    test(`in one line without a stack where the photo is to blame (last: ${isLastAttempt})`, () => {
      const error = new OrangeryError("PHOTO_UNREADABLE", "it is cut off");
      assert.deepEqual(lineOf(error, { isLastAttempt }), {
        level: "warn",
        message: "task failed",
        code: "PHOTO_UNREADABLE",
        reason: "it is cut off",
        durationMs: 5,
        retryable: false,
      });
    });
  }

  test("with its stack where nobody knows the reason, as an error in the end", () => {
    const error = new OrangeryError("PHOTO_FAILED", "no idea", { cause: new TypeError("a bug") });
    const { level, err } = lineOf(error);
    assert.deepEqual([level, err], ["warn", error]);
    assert.equal(lineOf(error, { isLastAttempt: true }).level, "error");
  });

  test("with its stack, as an error, where machine, model or program are to blame", () => {
    for (const error of [
      new OrangeryError("MODEL_NOT_FOUND", "no model"),
      new OrangeryError("RUNTIME_UNSUPPORTED", "no"),
    ]) {
      const { level, err, code } = lineOf(error);
      assert.deepEqual([level, err, code], ["error", error, error.code]);
    }
    const full = new OrangeryError("NO_SPACE", "the disk is full");
    assert.equal(lineOf(full).level, "warn");
    assert.equal(lineOf(full, { isLastAttempt: true }).level, "error");
    const unknown = lineOf("a text", { isLastAttempt: true });
    assert.deepEqual([unknown.level, unknown.err, unknown.code], ["error", "a text", undefined]);
  });

  test("as information where somebody cancelled it, but not where a photo crashed workers", () => {
    const stopped = new OrangeryError("TASK_INTERRUPTED", "the worker closes");
    const { level, message, code, err } = lineOf(stopped, { isCancelled: true });
    assert.deepEqual(
      [level, message, code, err],
      ["info", "task cancelled", "TASK_INTERRUPTED", undefined],
    );
    const crashed = new OrangeryError("JOB_CRASHED_WORKER", "ten have died");
    assert.equal(lineOf(crashed, { isCancelled: true }).level, "warn");
  });
});
