import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deflateSync } from "node:zlib";
import { readCeleryMessage } from "./celery-message.ts";
// As Celery wrote them.
import recorded from "./recorded-messages.fixture.json" with { type: "json" };

function read(name: keyof typeof recorded.messages) {
  const result = readCeleryMessage(recorded.messages[name]);
  assert.ok("message" in result, JSON.stringify(result));
  return result.message;
}

function refusal(text: string) {
  const result = readCeleryMessage(text);
  assert.ok("refused" in result, "it is read");
  return result.refused;
}

/** A message with other headers, another body or other fields. */
function changed(change: (message: Record<string, unknown>) => void): string {
  const message = JSON.parse(recorded.messages.plain);
  change(message);
  return JSON.stringify(message);
}

const encode = (body: unknown) => Buffer.from(JSON.stringify(body)).toString("base64");

describe("a message of Celery", () => {
  test("has arguments, an id, and where it was sent", () => {
    assert.partialDeepStrictEqual(read("plain"), {
      id: "task-1",
      task: "count",
      args: ["a.jpg"],
      kwargs: { score: 0.5 },
      rootId: "task-1",
      parentId: undefined,
      retries: 0,
      etaMs: undefined,
      queue: "celery",
      isRedelivered: false,
      ignoreResult: false,
    });
  });

  test("has times, limits and a priority", () => {
    assert.partialDeepStrictEqual(read("options"), {
      etaMs: Date.UTC(2026, 10, 28, 20, 0, 0, 250),
      expiresMs: Date.UTC(2026, 10, 28, 22),
      timeLimitMs: 10_000,
      softTimeLimitMs: 5_000,
      priority: 6,
      ignoreResult: true,
    });
  });

  test("has what follows it: a chain, callbacks, errbacks, a chord's body", () => {
    assert.deepEqual(
      read("chain").chain.map(({ task }) => task),
      ["celery.chord"],
    );
    const { callbacks, errbacks } = read("callbacks");
    assert.deepEqual(
      [...callbacks, ...errbacks].map(({ task }) => task),
      ["note", "alarm"],
    );
    const { chord, group, groupIndex } = read("chord");
    assert.equal(chord?.task, "sum");
    assert.equal(chord.options.group_id, group);
    assert.equal(groupIndex, 0);
  });

  test("may be compressed with gzip", () => {
    assert.deepEqual(read("gzip").args, ["a.jpg"]);
  });

  test("is refused by name where it is no JSON, and never decoded", () => {
    const pickled = refusal(recorded.messages.pickle);
    assert.equal(pickled.id, "task-1");
    assert.equal(pickled.exception.exc_type, "ContentDisallowed");
    assert.match(pickled.reason, /type pickle: only JSON is read/);
    for (const [type, name] of [
      ["application/x-yaml", "yaml"],
      ["application/x-msgpack", "msgpack"],
      ["application/data", "application/data"],
    ] as const) {
      const text = changed((message) => {
        message["content-type"] = type;
      });
      assert.match(refusal(text).reason, new RegExp(`type ${name}:`));
    }
    assert.match(refusal(recorded.messages.bzip2).reason, /with gzip, got application\/x-bz2/);
  });

  test("of protocol 1 is refused", () => {
    const { reason, id } = refusal(recorded.messages["protocol 1"]);
    assert.match(reason, /protocol 2/);
    assert.equal(id, undefined);
  });

  test("is refused with its id where anything has a wrong type", () => {
    const bodies: readonly [unknown, RegExp][] = [
      [{ args: [] }, /a body that is \[args, kwargs, embed\]/],
      [["a.jpg", {}, {}], /args to be a list/],
      [[[], [], {}], /kwargs to be a mapping/],
      [[[], {}, { chain: "next" }], /`chain` to be a list/],
      [[[], {}, { callbacks: [{ task: 3 }] }], /a signature of a task in `callbacks`/],
    ];
    for (const [body, expected] of bodies) {
      const { reason, id } = refusal(
        changed((message) => {
          message.body = encode(body);
        }),
      );
      assert.match(reason, expected);
      assert.equal(id, "task-1");
    }
    for (const eta of ["soon", 12345, "12345", true]) {
      const headers = changed((message) => {
        (message.headers as Record<string, unknown>).eta = eta;
      });
      assert.match(refusal(headers).reason, /`eta` to be a time/);
    }
  });

  test("is refused where its text is not in UTF-8, compressed or not", () => {
    const bytes = Buffer.from('[["\xe9.jpg"], {}, {}]', "latin1");
    const plain = changed((message) => {
      message.body = bytes.toString("base64");
    });
    const compressed = changed((message) => {
      message.body = deflateSync(bytes).toString("base64");
      (message.headers as Record<string, unknown>).compression = "application/x-gzip";
    });
    for (const message of [plain, compressed]) {
      const { reason, id, exception } = refusal(message);
      assert.match(reason, /a body in UTF-8, got other bytes/);
      assert.deepEqual([id, exception.exc_type], ["task-1", "DecodeError"]);
    }
  });

  test("that is none is refused", () => {
    for (const text of ["", "no JSON", "[]", "null", "3", '{"body": 3}', '{"body": "[]"}']) {
      assert.equal(refusal(text).id, undefined);
    }
  });
});
