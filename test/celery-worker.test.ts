/** `orangery worker --broker`: its options, as a program in Python sees their effects. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CeleryClient } from "./celery.fixture.ts";
import { CliFolder, jsonLines, sourceProgram } from "./cli.fixture.ts";
import { findCelery } from "./servers/celery-python.ts";
import { RedisServer } from "./servers/redis-server.ts";

const celery = findCelery();
const task = join(import.meta.dirname, "fleet-tasks.fixture.ts");

test("a worker of a Celery app does as its options say", {
  skip: "missing" in celery && celery.missing,
  timeout: 120_000,
}, async () => {
  await using redis = await RedisServer.start({ fsync: "everysec" });
  await using client = await CeleryClient.start((celery as { python: string }).python, redis.url);
  await using folder = await CliFolder.create();
  const backend = `${redis.url}/1`;
  const conf = { result_extended: true, broker_transport_options: { global_keyprefix: "app:" } };
  await writeFile(join(folder.path, "celery.json"), JSON.stringify(conf));
  const worker = folder.spawn(process.execPath, [
    ...[sourceProgram, "worker", "--broker", redis.url, "--result-backend", backend],
    ...["--celery-task", `first=${task}`, "--celery-task", `second=${task}`],
    ...["--queues", "one, two", "--hostname", "%h.gpu7", "--devices", "cpu"],
    ...["--concurrency", "1", "--attempts", "2", "--recycle-tasks", "3", "--task-events"],
    ...["--celery-config", "celery.json", "--metrics-port", "0", "--metrics-host", "127.0.0.2"],
  ]);
  const node = `celery@${hostname()}.gpu7`;
  const answer = await client.run(`
node = ${JSON.stringify(node)}
use("one", backend=${JSON.stringify(backend)}, **json.loads(${JSON.stringify(JSON.stringify(conf))}))
sent = [s(name, {}).apply_async(queue=queue) for name, queue in [("first", "one"), ("second", "two")]]
pids = [r.get(timeout=60)["pid"] for r in sent]
control = app.control.broadcast
events = control("enable_events", destination=[node], reply=True, timeout=5, limit=1)
unknown = control("pool_grow", pattern="celery@.*gpu[7]", matcher="pcre", reply=True, timeout=5, limit=1)
stats = app.control.inspect([node], timeout=5).stats()[node]
failed = s("first", {"leak": -1}).apply_async()
failure = outcome(failed, timeout=30)
until(lambda: s("first", {}).apply_async().get(timeout=60)["pid"] != pids[0], timeout=60)
answer = {
  "name": sent[1].name, "pool": stats["pool"]["max-concurrency"], "events": events,
  "unknown": unknown, "failure": [failure[0], failed.retries],
  "same": pids[0] == pids[1],
}
`);
  const isJson = (line: string) => line.startsWith("{");
  worker.child.kill("SIGTERM");
  const { status, stderr } = await worker.outcome;
  const log = jsonLines(stderr.split("\n").filter(isJson).join("\n"));
  const served = log.find(({ msg }) => msg === "metrics and probes are served");
  assert.deepEqual([status, new URL(String(served?.url)).hostname], [0, "127.0.0.2"], stderr);
  assert.deepEqual(answer, {
    name: "second",
    pool: 1,
    events: [{ [node]: { ok: "task events already enabled" } }],
    unknown: [{ [node]: { error: "this worker does not know pool_grow" } }],
    failure: ["FAILURE", 1],
    same: true,
  });
});

describe("--celery-config", () => {
  const cases: [settings: unknown, complaint: RegExp][] = [
    [null, /`settings` to be an object/],
    [{ task_acks_late: "false" }, /`task_acks_late` to be true or false, got `false` \(string\)/],
    [{ result_expires: "1 day" }, /`result_expires` to be a number from 0 up/],
    [{ task_routes: { "plants.*": "gpu" } }, /`task_routes` to be .*, with whole names of tasks/],
    [{ task_routes: { count: {} } }, /`task_routes` to be an object/],
    [{ broker_transport_options: { visibilty_timeout: 9 } }, /got `visibilty_timeout`/],
    [{ broker_transport_options: { priority_steps: 9 } }, /`priority_steps` to be a list/],
    [
      { worker_concurrency: 2 },
      /Expected settings of result_expires, .*, got `worker_concurrency`/,
    ],
    // What Python has no value for is as if it were not there.
    [{ task_time_limit: null, task_routes: null, task_acks_late: null }, /TASK_MODULE_UNUSABLE/],
  ];
  for (const [settings, complaint] of cases) {
    test(JSON.stringify(settings), async () => {
      await using folder = await CliFolder.create();
      await writeFile(join(folder.path, "celery.json"), JSON.stringify(settings));
      const { stderr } = await folder.run(
        ...["worker", "--broker", "redis://127.0.0.1:1", "--celery-task", "count=none.ts"],
        ...["--celery-config", "celery.json"],
      );
      assert.match(stderr, complaint);
    });
  }
});
