import { AmqpBroker } from "./amqp/amqp-broker.ts";
import type { BrokerOptions, CeleryBroker, ServerOptions } from "./app/celery-broker.ts";
import type { CeleryResults } from "./app/celery-results.ts";
import { kindOfBackend, kindOfBroker } from "./app/celery-urls.ts";
import { RedisBroker } from "./redis/redis-broker.ts";
import { openRedis } from "./redis/redis-connections.ts";
import { RedisResults } from "./results/redis-results.ts";
import { RpcResults } from "./results/rpc-results.ts";
import { SqlalchemyResults } from "./results/sqlalchemy-results.ts";

/** Opens the broker of an app. */
export function openBroker(options: BrokerOptions): CeleryBroker {
  const isRedis = kindOfBroker(options.app.broker) === "redis";
  return isRedis ? new RedisBroker(options) : new AmqpBroker(options);
}

/** Opens the result backend of an app. */
export function openResults({
  app,
  patience,
  contact,
  broker,
}: ServerOptions & { readonly broker: CeleryBroker }): CeleryResults {
  const { resultBackend: url, resultExtended: isExtended, name: worker } = app;
  const kind = kindOfBackend(url);
  const { refusal, receive: onTrouble } = contact;
  if (kind === "database") {
    return new SqlalchemyResults({ url, isExtended, worker, patience, onTrouble, refusal });
  }
  if (broker instanceof AmqpBroker && kind === "rpc") {
    return new RpcResults({ ...broker, isPersistent: app.resultPersistent });
  }
  // Results in the broker's database go over its connection.
  const shared = broker instanceof RedisBroker && url === app.broker;
  return new RedisResults({
    redis: shared ? broker.connections.requests : openRedis(url, onTrouble),
    isOwned: !shared,
    prefix: app.resultKeyPrefix,
    expiresMs: app.resultExpiresMs,
    isExtended,
    worker,
    patience,
    refusal,
  });
}
