import assert from "node:assert/strict";
import { test } from "node:test";
import type { Logger } from "../../logger.ts";
import { WorkSummary } from "./work-summary.ts";

test("one line has all that ended since the last, with the sums of what was found", () => {
  const lines: object[] = [];
  const nothing = () => {};
  const logger: Logger = {
    debug: nothing,
    info: (fields, message) => void lines.push({ ...fields, message }),
    warn: nothing,
    error: nothing,
    child: () => logger,
  };
  const resultLogFields = (objects: number) => {
    if (objects < 0) throw new Error("no result");
    return { outcome: "counted", objects };
  };
  using summary = new WorkSummary({ logger, resultLogFields });
  summary.write();
  assert.deepEqual(lines, []);
  for (const result of [3, 4, -1]) summary.count({ outcome: "succeeded", result });
  for (const outcome of ["failed", "retrying", "returned", "lost"] as const) {
    summary.count({ outcome });
  }
  summary.write();
  summary.write();
  assert.equal(lines.length, 1);
  const { perSecond, memoryBytes, ...line } = lines[0] as unknown as Record<string, number>;
  assert.deepEqual(line, {
    succeeded: 3,
    failed: 1,
    retrying: 1,
    objects: 7,
    message: "jobs have ended",
  });
  assert.ok(perSecond! > 0 && memoryBytes! > 1e7);

  summary.count({ outcome: "succeeded", result: 5 });
  summary[Symbol.dispose]();
  assert.partialDeepStrictEqual(lines[1], { succeeded: 1, objects: 5 });
});
