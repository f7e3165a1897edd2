import type { Redis } from "ioredis";
import { textOf } from "../../../errors.ts";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import type { CeleryChords, ChordPart, CompleteChord } from "../app/celery-results.ts";
import type { NewChord } from "../protocol/canvas-task.ts";
import { type PythonException, reprException } from "../protocol/python-exception.ts";
import { RedisScript } from "../redis/redis-script.ts";

export interface RedisChordsOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly expiresMs: number;
  readonly patience: QueuePatience;
}

/**
 * Adds a part. Returns whether it was the last and this worker has to send the body. It maintains
 * the keys of Celery 5.6 (`.j`, `.t`, `.s`) and of 5.7 (`.d`, `.c`), so that workers of both
 * versions can take part. A part counts once, however often its task is delivered. The last part's
 * name is the claim to send the body: if its worker dies first, the next worker with that task
 * sends it.
 *
 * KEYS: .j, .t, .s, .d, .c, the group's. ARGV: the part's name, the part, its place, how long all
 * is kept in seconds.
 */
const partScript = new RedisScript(`
if redis.call("GET", KEYS[5]) == "done" then return {0} end
if redis.call("SADD", KEYS[4], ARGV[1]) == 1 then redis.call("ZADD", KEYS[1], ARGV[3], ARGV[2]) end
if ARGV[4] ~= "0" then
  for i = 1, 4 do redis.call("EXPIRE", KEYS[i], ARGV[4]) end
end
local size = redis.call("GET", KEYS[3])
if not size then return {0} end
local total = tonumber(size) + tonumber(redis.call("GET", KEYS[2]) or 0)
if redis.call("ZCARD", KEYS[1]) ~= total then return {0} end
if redis.call("GET", KEYS[5]) ~= ARGV[1] then
  if not redis.call("SET", KEYS[5], ARGV[1], "NX", "EX", 60) then return {0} end
end
return {1, redis.call("ZRANGE", KEYS[1], 0, -1), redis.call("GET", KEYS[6])}
`);

/**
 * A chord that is sent again starts over.
 *
 * KEYS: .s, the group's, .c. ARGV: the size, the structure or nothing, how long they are kept in
 * seconds.
 */
const beginScript = new RedisScript(`
local function keep(key, value)
  if ARGV[3] == "0" then redis.call("SET", key, value)
  else redis.call("SETEX", key, ARGV[3], value) end
end
redis.call("DEL", KEYS[3])
if ARGV[2] ~= "" then keep(KEYS[2], ARGV[2]) end
keep(KEYS[1], ARGV[1])
return 1
`);

/** KEYS: .c, .j, .t, .s, .d. */
const endScript = new RedisScript(`
redis.call("SETEX", KEYS[1], 300, "done")
return redis.call("DEL", KEYS[2], KEYS[3], KEYS[4], KEYS[5])
`);

/** The counting of chords, as Celery's Redis backend does it. */
export class RedisChords implements CeleryChords {
  readonly #options: RedisChordsOptions;

  constructor(options: RedisChordsOptions) {
    this.#options = options;
  }

  async begin({ group, size, structure }: NewChord): Promise<void> {
    const { redis, patience, expiresMs } = this.#options;
    const keys = this.#keysOf(group);
    const saved = structure === undefined ? "" : JSON.stringify({ result: structure });
    const values = [size, saved, Math.ceil(expiresMs / 1000)];
    const run = () => beginScript.run(redis, [keys.s, keys.group, keys.c], values);
    await patience.repeat(run, { always: true });
  }

  async addPart(part: ChordPart): Promise<CompleteChord | undefined> {
    const { redis, patience, expiresMs } = this.#options;
    const { id, group, groupIndex = "+inf", state, result } = part;
    const keys = this.#keysOf(group);
    const [isLast, parts = [], saved] = (await patience.repeat(
      () =>
        partScript.run(
          redis,
          [keys.j, keys.t, keys.s, keys.d, keys.c, keys.group],
          [
            `${id}:${groupIndex}`,
            JSON.stringify([1, id, state, result ?? null]),
            groupIndex,
            Math.ceil(expiresMs / 1000),
          ],
        ),
      { always: true },
    )) as [0 | 1, string[]?, (string | null)?];
    if (isLast !== 1) return undefined;
    try {
      const results =
        saved == null
          ? parts.map((part) => resultOfPart(JSON.parse(part)))
          : await this.#readSaved(JSON.parse(saved).result);
      return { group, results };
    } catch (error) {
      const failure = textOf(error);
      return { group, failure, cause: error instanceof FailedPart ? error.exception : undefined };
    }
  }

  async end(group: string): Promise<void> {
    const { redis, patience } = this.#options;
    const { c, j, t, s, d } = this.#keysOf(group);
    await patience.repeat(() => endScript.run(redis, [c, j, t, s, d], []), { always: true });
  }

  /** The sender has saved a header that contains groups: results follow its structure. */
  async #readSaved(saved: unknown): Promise<unknown[]> {
    const [, children] = saved as [unknown, unknown[] | null];
    return await Promise.all((children ?? []).map((child) => this.#readResult(child)));
  }

  async #readResult(tuple: unknown): Promise<unknown> {
    const { redis, prefix } = this.#options;
    const [[id], children] = tuple as [[string], unknown[] | null];
    if (children !== null) return await this.#readSaved(tuple);
    const text = await redis.get(`${prefix}celery-task-meta-${id}`);
    const { status = "PENDING", result } = JSON.parse(text ?? "{}");
    return resultOfPart([1, id, status, result]);
  }

  #keysOf(group: string) {
    const key = `${this.#options.prefix}celery-taskset-meta-${group}`;
    return {
      group: key,
      j: `${key}.j`,
      t: `${key}.t`,
      s: `${key}.s`,
      d: `${key}.d`,
      c: `${key}.c`,
    };
  }
}

class FailedPart extends Error {
  readonly exception: PythonException;

  constructor(id: string, exception: PythonException) {
    super(`Dependency ${id} raised ${reprException(exception)}`);
    this.exception = exception;
  }
}

function resultOfPart([, id, state, result]: [number, string, string, unknown]): unknown {
  if (state === "SUCCESS") return result;
  const {
    exc_type = state,
    exc_message = [],
    exc_module = "celery.exceptions",
  } = (result ?? {}) as Partial<PythonException>;
  throw new FailedPart(id, { exc_type, exc_message: [exc_message].flat(), exc_module });
}
