import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { applySignature } from "./canvas.ts";
import { UnsupportedCanvas } from "./canvas-tree.ts";
import { readCeleryMessage, type Signature } from "./celery-message.ts";
import type { Envelope } from "./envelope.ts";
import recorded from "./recorded-messages.fixture.json" with { type: "json" };
import { toRetryMessage } from "./sent-message.ts";

const routing = { routes: { count: "gpu" }, defaultQueue: "celery" };
const after = { rootId: "root", parentId: "parent", args: [1] };

function task(name: string, options: Signature["options"] = {}): Signature {
  return { task: name, args: [2], kwargs: {}, options };
}

function read(envelope: Envelope | string) {
  const result = readCeleryMessage(envelope);
  assert.ok("message" in result);
  return result.message;
}

describe("a signature", () => {
  test("is sent with what its task has returned, to the queue of its route", () => {
    const { sent, result } = applySignature(task("count", { task_id: "a" }), after, routing);
    assert.equal(sent[0]?.queue, "gpu");
    assert.deepEqual(result, [["a", null], null]);
    assert.partialDeepStrictEqual(read(sent[0].envelope), {
      id: "a",
      args: [1, 2],
      rootId: "root",
      parentId: "parent",
      retries: 0,
      queue: "gpu",
    });
  });

  test("that is immutable has only its own arguments; its options decide queue and time", () => {
    const options = { queue: "slow", priority: 9, countdown: 60, time_limit: 5 };
    const signature = { ...task("count", options), immutable: true };
    const [message] = applySignature(signature, after, routing).sent;
    assert.equal(message?.queue, "slow");
    const { args, etaMs, priority, timeLimitMs } = read(message.envelope);
    assert.deepEqual([args, priority, timeLimitMs], [[2], 9, 5_000]);
    assert.ok(Math.abs(etaMs! - Date.now() - 60_000) < 10_000);
  });

  test("of a chain is sent alone, and the rest goes with it", () => {
    const chain: Signature = {
      ...task("celery.chain"),
      kwargs: { tasks: [task("a"), task("b"), task("c", { task_id: "last" })] },
    };
    const { sent, result } = applySignature(chain, after, routing);
    assert.equal(sent.length, 1);
    assert.deepEqual(
      read(sent[0]!.envelope).chain.map((next) => next.task),
      ["c", "b"],
    );
    assert.equal(result[0][0], "last");
  });

  test("of a chord has its size noted, and its body goes with each task", () => {
    const group: Signature = { ...task("celery.group"), kwargs: { tasks: [task("a"), task("b")] } };
    const chord: Signature = {
      ...task("celery.chord"),
      kwargs: { header: group, body: task("c") },
    };
    const { sent, chords } = applySignature(chord, after, routing);
    const messages = sent.map(({ envelope }) => read(envelope));
    assert.deepEqual(chords, [{ group: messages[0]?.group, size: 2 }]);
    assert.deepEqual(
      messages.map(({ chord: body, groupIndex }) => [body?.task, groupIndex]),
      [
        ["c", 0],
        ["c", 1],
      ],
    );
    const broken: Signature = { ...task("celery.chord"), kwargs: { header: group, body: 1 } };
    assert.throws(() => applySignature(broken, after, routing), UnsupportedCanvas);
  });

  test("of a chord waits for what its header ends with: groups, and the bodies of chords", () => {
    const canvas = (kind: string, kwargs: Signature["kwargs"]): Signature => ({
      ...task(`celery.${kind}`),
      kwargs,
    });
    const group = canvas("group", { tasks: [task("a"), task("b")] });
    const inner = canvas("chord", { header: [task("c"), task("d")], body: task("e") });
    const chain = canvas("chain", { tasks: [task("f"), group] });
    const body = task("end", { task_id: "end" });
    const chord = canvas("chord", { header: [group, inner, chain], body });
    const { sent, chords, result } = applySignature(chord, after, routing);
    assert.deepEqual(result, [["end", null], null]);
    const messages = sent.map(({ envelope }) => read(envelope));
    assert.deepEqual(
      messages.map((message) => message.task),
      ["a", "b", "c", "d", "f"],
    );
    const [outer, innerChord] = chords;
    assert.deepEqual([outer?.size, innerChord?.size], [5, 2]);
    assert.deepEqual([messages[0]?.group, messages[2]?.group], [outer?.group, innerChord?.group]);
    // The group at the end of the chain is waited for by the chord, not by itself.
    const [last] = messages[4]!.chain;
    const later = applySignature(last!, after, routing).sent.map(({ envelope }) => read(envelope));
    assert.deepEqual(
      later.map((message) => [message.group, message.chord?.task]),
      [
        [outer?.group, "end"],
        [outer?.group, "end"],
      ],
    );
    const [, children] = outer!.structure!;
    assert.deepEqual(
      children?.map(([, inside]) => inside?.length),
      [undefined, undefined, undefined, 2],
    );
  });
});

test("another attempt is the same message, with one more retry and a time", () => {
  const message = read(recorded.messages.options);
  const { envelope, queue, priority } = toRetryMessage(message, { queue: "celery", etaMs: 5_000 });
  assert.deepEqual([queue, priority], ["celery", 6]);
  const again = read(envelope);
  assert.deepEqual([again.retries, again.etaMs, again.id], [1, 5_000, message.id]);
  assert.equal(again.envelope.body, message.envelope.body);
  assert.notEqual(again.envelope.properties.delivery_tag, message.envelope.properties.delivery_tag);
});
