import assert from "node:assert/strict";
import { test } from "node:test";
import { openRedis } from "./redis-connections.ts";

test("a Redis of Celery that is away is named by its own options", async () => {
  const failed = Promise.withResolvers<Error>();
  const redis = openRedis("redis://127.0.0.1:1", failed.resolve);
  const { message } = await failed.promise;
  redis.disconnect();
  assert.match(message, /ECONNREFUSED.*\(--broker or --result-backend\)/);
});
