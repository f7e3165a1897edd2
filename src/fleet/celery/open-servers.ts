import type { BrokerOptions, CeleryBroker, ServerOptions } from "./app/celery-broker.ts";
import type { CeleryResults } from "./app/celery-results.ts";
import { RedisBroker } from "./redis/redis-broker.ts";
import { openRedis } from "./redis/redis-connections.ts";
import { RedisResults } from "./results/redis-results.ts";

/** Opens the broker of an app. */
export function openBroker(options: BrokerOptions): CeleryBroker {
  return new RedisBroker(options);
}

/** Opens the result backend of an app. */
export function openResults({
  app,
  patience,
  contact,
  broker,
}: ServerOptions & { readonly broker: CeleryBroker }): CeleryResults {
  // Results in the broker's database go over its connection.
  const shared = broker instanceof RedisBroker && app.resultBackend === app.broker;
  return new RedisResults({
    redis: shared ? broker.connections.requests : openRedis(app.resultBackend, contact.receive),
    isOwned: !shared,
    prefix: app.resultKeyPrefix,
    expiresMs: app.resultExpiresMs,
    isExtended: app.resultExtended,
    worker: app.name,
    patience,
    refusal: contact.refusal,
  });
}
