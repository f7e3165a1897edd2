import { Redis } from "ioredis";
import { toConnectionOptions } from "../queue/redis-connection.ts";

/** The connections of a worker. Requests wait for a Redis that is away, however long. */
export class CeleryConnections implements Disposable {
  readonly broker: Redis;
  /** Listens, and sends nothing. */
  readonly subscriber: Redis;
  /** The broker's, where results go to the same database. */
  readonly results: Redis;

  constructor({
    broker,
    resultBackend,
    onError,
  }: {
    readonly broker: string;
    readonly resultBackend: string;
    readonly onError: (error: Error) => void;
  }) {
    this.broker = open(broker, onError);
    this.subscriber = open(broker, onError);
    this.results = resultBackend === broker ? this.broker : open(resultBackend, onError);
  }

  /** Resolves when all are ready. */
  async open(): Promise<void> {
    await Promise.all([this.broker, this.subscriber, this.results].map(ready));
  }

  [Symbol.dispose](): void {
    for (const redis of [this.subscriber, this.results, this.broker]) redis.disconnect();
  }
}

function open(url: string, onError: (error: Error) => void): Redis {
  // Without RESP3, what Redis announces comes as messages of a channel.
  const options = { ...toConnectionOptions(url), url: undefined, protocol: 2, lazyConnect: false };
  const redis = new Redis(url, options as object);
  redis.on("error", onError);
  return redis;
}

async function ready(redis: Redis): Promise<void> {
  if (redis.status === "ready") return;
  const opened = Promise.withResolvers<void>();
  redis.once("ready", () => opened.resolve());
  redis.once("end", () => opened.resolve());
  await opened.promise;
}
