import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { RedisServer } from "../../../../test/servers/redis-server.ts";
import { silentLogger } from "../../../logger.ts";
import { QueuePatience } from "../../queue/queue-patience.ts";
import { celeryKeys } from "./celery-keys.ts";
import { RedisMarks } from "./redis-marks.ts";

test("a mark waits for a right that the user has lost", async () => {
  await using server = await RedisServer.start();
  const redis = new Redis(server.url);
  try {
    const patience = new QueuePatience({ queue: "celery", logger: silentLogger });
    const marks = new RedisMarks(redis, celeryKeys("", 0), patience);
    await redis.call("ACL", "SETUSER", "default", "-set", "-get");
    const written = marks.write("task-1", 2);
    while (patience.trouble === undefined) await Promise.race([written, sleep(10)]);
    assert.equal(patience.trouble.code, "QUEUE_ACCESS_DENIED");
    await redis.call("ACL", "SETUSER", "default", "+set", "+get");
    await written;
    assert.equal(await marks.read("task-1"), 2);
  } finally {
    redis.disconnect();
  }
});
