import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkWorkerOptions, refuseUnknownWorkerOptions } from "./worker-options.ts";

const least = { connection: "redis://localhost", queue: "photos" };

describe("a worker's options", () => {
  test("have defaults, also where undefined is given", () => {
    const checked = checkWorkerOptions({ ...least, attempts: undefined, lockDurationMs: 10_000 });
    const { attempts, backoffMs, maxCrashes, concurrency, stalledIntervalMs, autostart } = checked;
    assert.deepEqual(
      [attempts, backoffMs, maxCrashes, concurrency, stalledIntervalMs, autostart],
      [5, 2000, 10, 3, 5000, true],
    );
  });

  const wrong: [what: string, options: object][] = [
    ["no queue", { connection: least.connection }],
    ["a queue with a colon", { ...least, queue: "a:b" }],
    ["a queue without a name", { ...least, queue: "" }],
    ["no connection", { queue: "photos" }],
    ["a connection that is no URL", { ...least, connection: "localhost" }],
    ["no concurrency", { ...least, concurrency: 0 }],
    ["half an attempt", { ...least, attempts: 0.5 }],
    ["a negative wait", { ...least, backoffMs: -1 }],
    ["a lock of a moment", { ...least, lockDurationMs: 10 }],
    ["no time to look for stalled jobs", { ...least, stalledIntervalMs: 0 }],
    ["no crashes at all", { ...least, maxCrashes: 0 }],
    ["a text for a choice", { ...least, jobLogs: "no" }],
    ["a number for a choice", { ...least, autostart: 0 }],
    ["a name that is none", { ...least, name: 5 }],
    ["a schema that is none", { ...least, parse: { photo: "string" } }],
    ["models to prepare", { ...least, prepare: ["detect"] }],
    ["a listener that is none", { ...least, onJobEnd: true }],
    ["a logger that is none", { ...least, logger: { info() {} } }],
  ];
  for (const [what, options] of wrong) {
    test(`are refused: ${what}`, () => {
      assert.throws(() => checkWorkerOptions(options as never), { code: "INVALID_ARGUMENT" });
    });
  }

  test("are refused where there is no such option", () => {
    refuseUnknownWorkerOptions({ ...least, attempts: 1, maxBlockedMs: 1 });
    const misspelt = { ...least, concurency: 3 };
    assert.throws(() => refuseUnknownWorkerOptions(misspelt), /`concurency`/);
  });

  test("are refused without the password in a connection", () => {
    const connection = "http://:secret@host";
    assert.throws(
      () => checkWorkerOptions({ ...least, connection }),
      (error: Error) => !error.message.includes("secret"),
    );
  });
});
