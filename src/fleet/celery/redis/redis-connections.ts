import { createRequire } from "node:module";
import type { Redis } from "ioredis";
import { OrangeryError } from "../../../errors.ts";
import { toQueueError, unreachable } from "../../queue/queue-errors.ts";
import { toConnectionOptions } from "../../queue/redis-connection.ts";

/** The connections of a worker. Requests wait while Redis is down, however long. */
export class RedisConnections implements Disposable {
  readonly requests: Redis;
  /** Listens, and sends nothing. */
  readonly subscriber: Redis;

  constructor(url: string, onError: (error: Error) => void) {
    this.requests = openRedis(url, onError);
    this.subscriber = openRedis(url, onError);
  }

  /** Resolves when both are ready. */
  async open(): Promise<void> {
    await Promise.all([untilReady(this.requests), untilReady(this.subscriber)]);
  }

  [Symbol.dispose](): void {
    this.subscriber.disconnect();
    this.requests.disconnect();
  }
}

/** Opens a connection; requests wait until it is there. */
export function openRedis(url: string, onError: (error: Error) => void): Redis {
  // Without RESP3, what Redis announces comes as messages of a channel.
  const options = { ...toConnectionOptions(url), url: undefined, protocol: 2, lazyConnect: false };
  const { Redis } = requireIoredis();
  const redis = new Redis(url, options as object);
  redis.on("error", (error) => {
    const isReply = toQueueError(error, "") !== undefined;
    onError(isReply ? error : unreachable(error, { options: "--broker or --result-backend" }));
  });
  return redis;
}

/** Resolves when a connection can be used, or will never be. */
export async function untilReady(redis: Redis): Promise<void> {
  if (redis.status === "ready") return;
  const opened = Promise.withResolvers<void>();
  redis.once("ready", () => opened.resolve());
  redis.once("end", () => opened.resolve());
  await opened.promise;
}

/** An app on RabbitMQ does not need it. */
function requireIoredis(): typeof import("ioredis") {
  try {
    return createRequire(import.meta.url)("ioredis");
  } catch (cause) {
    throw new OrangeryError(
      "PACKAGE_MISSING",
      "Expected the package `ioredis`, which a broker or results on Redis need, and it is not " +
        "installed. Run `npm install ioredis`.",
      { cause, details: { package: "ioredis" } },
    );
  }
}
