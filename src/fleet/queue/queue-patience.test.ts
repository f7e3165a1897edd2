import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { OrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { QueuePatience, type QueuePatienceOptions } from "./queue-patience.ts";

/** An error as ioredis makes it of a reply. */
function reply(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

function createPatience(options: Partial<QueuePatienceOptions> = {}) {
  const lines: string[] = [];
  const log = (level: string) => (fields: object, message: string) => {
    const { err } = fields as { err?: OrangeryError };
    lines.push([level, message, err?.code].filter(Boolean).join(" "));
  };
  const logger: Logger = {
    debug: log("debug"),
    info: log("info"),
    warn: log("warn"),
    error: log("error"),
    child: () => logger,
  };
  const all = { queue: "photos", logger, pauseMs: [1, 1], ...options } as const;
  return { patience: new QueuePatience(all), lines };
}

/** A request that is refused by each of these replies, and then served. */
function refusedBy(...replies: readonly string[]): () => Promise<string> {
  const left = [...replies];
  return async () => {
    const next = left.shift();
    if (next !== undefined) throw reply(next);
    return "served";
  };
}

const isServed = "info the queue is served again";

describe("patience with a queue's Redis", () => {
  test("repeats a request until it is served, and logs the problem and its end once", async () => {
    const { patience, lines } = createPatience();
    const request = refusedBy("READONLY a", "READONLY b", "READONLY c");
    assert.equal(await patience.repeat(request), "served");
    assert.deepEqual(lines, ["warn the queue has a problem QUEUE_READ_ONLY", isServed]);
    assert.equal(patience.trouble, undefined);
  });

  test("logs nothing of requests that are served at once", async () => {
    const { patience, lines } = createPatience();
    await patience.repeat(refusedBy());
    assert.deepEqual(lines, []);
  });

  test("logs each kind of problem once", async () => {
    const { patience, lines } = createPatience();
    await patience.repeat(refusedBy("LOADING a", "OOM b", "LOADING c", "OOM d"));
    assert.deepEqual(lines, [
      "warn the queue has a problem QUEUE_NOT_READY",
      "warn the queue has a problem QUEUE_FULL",
      isServed,
    ]);
  });

  test("knows a problem until the last request that had it is served", async () => {
    const { patience, lines } = createPatience();
    let isFull = true;
    const write = async () => {
      if (isFull) throw reply("OOM command not allowed");
    };
    const writing = Promise.all([patience.repeat(write), patience.repeat(() => write())]);
    await patience.repeat(refusedBy());
    assert.equal(patience.trouble?.code, "QUEUE_FULL");
    isFull = false;
    await writing;
    assert.deepEqual(lines, ["warn the queue has a problem QUEUE_FULL", isServed]);
  });

  test("does not repeat what does not pass, unless it is to", async () => {
    const { patience, lines } = createPatience();
    await assert.rejects(patience.repeat(refusedBy("NOPERM no")), { code: "QUEUE_ACCESS_DENIED" });
    assert.deepEqual(lines, []);
    assert.equal(await patience.repeat(refusedBy("NOPERM no"), { always: true }), "served");
  });

  test("lets errors through that are no replies", async () => {
    const { patience } = createPatience();
    const request = () => Promise.reject(new Error("Missing lock for job 7"));
    await assert.rejects(patience.repeat(request, { always: true }), /^Error: Missing lock/);
  });

  test("ends with the signal's reason", async () => {
    const { patience } = createPatience();
    const closing = new AbortController();
    const request = async () => {
      closing.abort(new Error("closed"));
      throw reply("READONLY");
    };
    await assert.rejects(patience.repeat(request, { signal: closing.signal }), /^Error: closed$/);
  });

  test("knows why a connection is refused that was cut before", async () => {
    const { patience, lines } = createPatience();
    patience.report(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    assert.equal(patience.trouble?.code, "QUEUE_UNREACHABLE");
    patience.report(reply("NOAUTH Authentication required."));
    assert.equal(patience.trouble?.code, "QUEUE_ACCESS_DENIED");
    await patience.repeat(refusedBy());
    assert.equal(patience.trouble, undefined);
    assert.deepEqual(lines, [
      "warn the queue has a problem QUEUE_UNREACHABLE",
      "warn the queue has a problem QUEUE_ACCESS_DENIED",
      isServed,
    ]);
  });

  test("logs a server that is silent once, until it answers that request", async () => {
    const { patience, lines } = createPatience({ silenceMs: 1 });
    const answer = Promise.withResolvers<void>();
    const request = () => answer.promise;
    const expected = patience.expect(request);
    while (lines.length === 0) await nextTurn();
    assert.match(patience.trouble!.message, /an answer of the queue's server within 0\.001 s/);
    answer.resolve();
    await expected;
    assert.equal(patience.trouble, undefined);
    const problem = "warn the queue has a problem QUEUE_UNREACHABLE";
    assert.deepEqual(lines, [problem, isServed]);
    await patience.expect(async () => {});
    await assert.rejects(
      patience.expect(() => Promise.reject(reply("READONLY a"))),
      /READONLY a/,
    );
    assert.equal(lines.length, 2);
  });

  test("logs a connection that fails once, until a request is served", async () => {
    const { patience, lines } = createPatience();
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    patience.report(refused);
    patience.report(refused);
    await patience.repeat(refusedBy());
    patience.report(refused);
    const problem = "warn the queue has a problem QUEUE_UNREACHABLE";
    assert.deepEqual(lines, [problem, isServed, problem]);
  });
});
