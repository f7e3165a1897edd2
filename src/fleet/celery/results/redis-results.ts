import type { Redis } from "ioredis";
import { untilAborted } from "../../../base/abort.ts";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import type { CeleryResults, FailedTask, TaskState } from "../app/celery-results.ts";
import type { CeleryMessage } from "../protocol/celery-message.ts";
import { untilReady } from "../redis/redis-connections.ts";
import { RedisScript } from "../redis/redis-script.ts";
import { RedisChords } from "./redis-chords.ts";
import { extendMeta, toMeta } from "./task-meta.ts";

export interface RedisResultsOptions {
  readonly redis: Redis;
  /** Celery's `global_keyprefix` of results. */
  readonly prefix: string;
  /** How long results are kept; 0 keeps them for ever. */
  readonly expiresMs: number;
  /** Whether to store name, arguments and worker, too. */
  readonly isExtended: boolean;
  readonly worker: string;
  readonly patience: QueuePatience;
  /** Rejects when Redis refuses for good. */
  readonly refusal: Promise<never>;
  /** Whether this owns the connection. */
  readonly isOwned: boolean;
}

/**
 * Stores and publishes a result, unless the task has succeeded before.
 *
 * KEYS: the result. ARGV: the result, how long it is kept in seconds.
 */
const storeScript = new RedisScript(`
local stored = redis.call("GET", KEYS[1])
if stored then
  local isJson, meta = pcall(cjson.decode, stored)
  if isJson and type(meta) == "table" and meta.status == "SUCCESS" then return 0 end
end
if ARGV[2] == "0" then redis.call("SET", KEYS[1], ARGV[1])
else redis.call("SETEX", KEYS[1], ARGV[2], ARGV[1]) end
redis.call("PUBLISH", KEYS[1], ARGV[1])
return 1
`);

/** Results as Celery's Redis backend writes and reads them. */
export class RedisResults implements CeleryResults {
  readonly chords: RedisChords;
  readonly #options: RedisResultsOptions;

  constructor(options: RedisResultsOptions) {
    this.#options = options;
    this.chords = new RedisChords(options);
  }

  async open(signal: AbortSignal): Promise<void> {
    await untilAborted(
      Promise.race([untilReady(this.#options.redis), this.#options.refusal]),
      signal,
    );
  }

  async store(message: CeleryMessage, state: TaskState): Promise<void> {
    const { group, parentId } = message;
    await this.#write(message.id, {
      ...toMeta(state),
      ...(group !== undefined && { group_id: group }),
      ...(parentId !== undefined && { parent_id: parentId }),
      ...(this.#options.isExtended && extendMeta(message, this.#options.worker)),
    });
  }

  async storeFailed({ id, status, exception }: FailedTask): Promise<void> {
    await this.#write(id, toMeta({ status, result: exception }));
  }

  async readSuccess(id: string): Promise<{ readonly result: unknown } | undefined> {
    const { redis, patience } = this.#options;
    const text = await patience.repeat(() => redis.get(this.#keyOf(id)), { always: true });
    if (text === null) return undefined;
    try {
      const { status, result } = JSON.parse(text);
      return status === "SUCCESS" ? { result } : undefined;
    } catch {
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#options.isOwned) this.#options.redis.disconnect();
  }

  /** Stores what Celery's `AsyncResult` reads. */
  async #write(id: string, meta: object): Promise<void> {
    const { redis, expiresMs, patience } = this.#options;
    const text = JSON.stringify({ ...meta, task_id: id });
    const values = [text, Math.ceil(expiresMs / 1000)];
    const keys = [this.#keyOf(id)];
    await patience.repeat(() => storeScript.run(redis, keys, values), { always: true });
  }

  #keyOf(id: string): string {
    return `${this.#options.prefix}celery-task-meta-${id}`;
  }
}
