/** A worker of a Celery app as its Redis sees it: messages in, results and answers out. No Python. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { OrangeryError } from "../src/errors.ts";
import { applySignature } from "../src/fleet/celery/protocol/canvas.ts";
import type { Signature } from "../src/fleet/celery/protocol/celery-message.ts";
import { toEnvelope } from "../src/fleet/celery/protocol/envelope.ts";
import { databaseOf } from "../src/fleet/celery/redis/celery-keys.ts";
import type { TaskContext } from "../src/tasks/task-context.ts";
import { serve } from "./celery.fixture.ts";
import { openRedis, type RedisForTests, uniqueName } from "./servers/redis-server.ts";

/** A task of an app. */
function task(name: string, args: unknown[] = [], options: Signature["options"] = {}): Signature {
  return { task: name, args, kwargs: {}, options: { task_id: uniqueName(name), ...options } };
}

/** Several tasks: a chain, a group, a chord. */
function canvas(kind: "chain" | "group" | "chord", kwargs: Signature["kwargs"]): Signature {
  return { task: `celery.${kind}`, args: [], kwargs, options: {} };
}

const idOf = ({ options }: Signature) => options.task_id as string;

describe("a worker of a Celery app", { timeout: 120_000 }, () => {
  let server: RedisForTests;
  let redis: Redis;
  before(async () => {
    server = await openRedis();
    redis = new Redis(server.url);
  });
  after(async () => {
    redis.disconnect();
    await server[Symbol.asyncDispose]();
  });

  async function open() {
    const queue = uniqueName("celery");
    const worker = await serve(
      {
        increment: (value: number) => value + 1,
        sum: (values: number[]) => values.reduce((total, value) => total + value, 0),
        flaky: (_: unknown, { attempt }: TaskContext) => {
          if (attempt === 1) throw new Error("not yet");
          return attempt;
        },
        fail: () => {
          throw new OrangeryError("PHOTO_UNREADABLE", "Expected a photo.");
        },
        wait: (_: unknown, { signal }: TaskContext) => sleep(600_000, undefined, { signal }),
      },
      { broker: server.url, queues: [queue], defaultQueue: queue, backoffMs: 1, name: queue },
    );
    const routing = { routes: {}, defaultQueue: queue };
    return {
      queue,
      worker,
      async send(signature: Signature): Promise<void> {
        const { sent, chords } = applySignature(
          signature,
          { rootId: "root", parentId: null },
          routing,
        );
        for (const { group, size } of chords) {
          await redis.set(`celery-taskset-meta-${group}.s`, size);
        }
        for (const { envelope } of sent) await redis.lpush(queue, JSON.stringify(envelope));
      },
      [Symbol.asyncDispose]: () => worker.close({ deadlineMs: 0 }),
    };
  }

  async function result(id: string) {
    const signal = AbortSignal.timeout(20_000);
    for (;;) {
      const meta = JSON.parse((await redis.get(`celery-task-meta-${id}`)) ?? "{}");
      if (meta.date_done) return meta;
      await sleep(10, undefined, { signal });
    }
  }

  test("stores results, and what follows them", async () => {
    await using app = await open();
    const last = task("increment");
    const first = task("increment", [1], { link: [last] });
    await app.send(first);
    assert.partialDeepStrictEqual(await result(idOf(first)), {
      status: "SUCCESS",
      result: 2,
      children: [[[idOf(last), null], null]],
    });
    assert.equal((await result(idOf(last))).result, 3);
    const flaky = task("flaky");
    await app.send(flaky);
    assert.equal((await result(idOf(flaky))).result, 2);
    const body = task("sum");
    const header = [task("increment", [1]), task("increment", [2])];
    const group = canvas("group", { tasks: header });
    await app.send(canvas("chord", { header: group, body }));
    assert.equal((await result(idOf(body))).result, 5);
  });

  test("stores failures, of what cannot be begun, too", async () => {
    await using app = await open();
    const errback = task("increment");
    const failed = task("fail", [], { link_error: [{ ...errback, args: [] }] });
    const next = task("increment");
    await app.send(canvas("chain", { tasks: [failed, next] }));
    for (const id of [idOf(failed), idOf(next)]) {
      assert.deepEqual((await result(id)).result.exc_module, "builtins");
    }
    assert.equal((await result(idOf(errback))).result, `${idOf(failed)}1`);
    const missing = task("missing");
    const expired = task("increment", [1], { expires: -1 });
    const body = task("sum");
    const header = [task("fail"), task("increment", [2])];
    await app.send(missing);
    await app.send(expired);
    await app.send(canvas("chord", { header, body }));
    const types = [missing, expired, body].map(async (sent) => {
      const { status, result: exception } = await result(idOf(sent));
      return [status, exception.exc_type];
    });
    assert.deepEqual(await Promise.all(types), [
      ["FAILURE", "NotRegistered"],
      ["REVOKED", "TaskRevokedError"],
      ["FAILURE", "ChordError"],
    ]);
    const later = task("increment", [1], { countdown: 0.2 });
    await app.send(later);
    assert.equal((await result(idOf(later))).result, 2);
    await redis.lpush(app.queue, "no JSON");
    while ((await redis.llen(app.queue)) > 0) await sleep(10);
  });

  test("answers commands, and sends events when it is asked to", async () => {
    await using app = await open();
    const events: string[] = [];
    const database = databaseOf(server.url);
    const monitor = new Redis(server.url);
    await monitor.psubscribe(`/${database}.celeryev/*`);
    monitor.on("pmessage", (_pattern, channel) => events.push(channel.split("/").at(-1)!));
    const replies = uniqueName("replies");
    await redis.sadd("_kombu.binding.reply.celery.pidbox", `${replies}\x06\x16\x06\x16${replies}`);
    const ask = async (method: string, given: object = {}) => {
      const command = {
        method,
        arguments: given,
        destination: [app.queue],
        ticket: "ticket",
        reply_to: { exchange: "reply.celery.pidbox", routing_key: replies },
      };
      const to = { exchange: "celery.pidbox", routingKey: "" };
      const text = JSON.stringify(toEnvelope(command, { headers: {}, ...to }));
      await redis.publish(`/${database}.celery.pidbox`, text);
      const signal = AbortSignal.timeout(20_000);
      for (;;) {
        const reply = await redis.rpop(replies);
        if (reply !== null) {
          const { body } = JSON.parse(reply);
          return JSON.parse(Buffer.from(body, "base64").toString())[app.queue];
        }
        await sleep(10, undefined, { signal });
      }
    };
    assert.deepEqual(await ask("ping"), { ok: "pong" });
    assert.deepEqual(await ask("enable_events"), { ok: "task events enabled" });
    assert.ok((await ask("registered")).includes("increment"));
    for (const method of ["stats", "active_queues", "conf", "report", "clock", "revoked"]) {
      assert.ok(await ask(method));
    }
    const waiting = task("wait");
    await app.send(waiting);
    while ((await ask("active")).length === 0) await sleep(10);
    assert.ok(idOf(waiting) in (await ask("query_task", { ids: [idOf(waiting)] })));
    const { ok } = await ask("revoke", { task_id: idOf(waiting), terminate: true });
    assert.equal(ok, `terminate: ${idOf(waiting)}`);
    assert.equal((await result(idOf(waiting))).status, "REVOKED");
    const { revoked } = await ask("hello", { from_node: "other", revoked: { old: 1 } });
    assert.ok(idOf(waiting) in revoked);
    while (!events.includes("task.failed") && !events.includes("task.started")) await sleep(10);
    await ask("shutdown");
    await app.worker.close();
    monitor.disconnect();
  });
});
