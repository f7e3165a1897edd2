import type { Redis } from "ioredis";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import type { ResultTuple } from "../protocol/canvas.ts";
import type { CeleryMessage } from "../protocol/celery-message.ts";
import type { PythonException } from "../protocol/python-exception.ts";
import { toIsoTime } from "../protocol/sent-message.ts";
import { RedisScript } from "./redis-script.ts";

/** The state of a task, as it is stored. */
export interface TaskState {
  readonly status: "STARTED" | "PROGRESS" | "SUCCESS" | "FAILURE" | "RETRY" | "REVOKED";
  readonly result: unknown;
  readonly traceback?: string | undefined;
  readonly children?: readonly ResultTuple[] | undefined;
}

export interface CeleryResultsOptions {
  readonly redis: Redis;
  /** Celery's `global_keyprefix` of results. */
  readonly prefix: string;
  /** How long results are kept; 0 keeps them for ever. */
  readonly expiresMs: number;
  /** Whether name, arguments and worker are stored, too. */
  readonly isExtended: boolean;
  readonly worker: string;
  readonly patience: QueuePatience;
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

const endStates = new Set<TaskState["status"]>(["SUCCESS", "FAILURE", "REVOKED"]);

/** Results as Celery's Redis backend writes and reads them. */
export class CeleryResults {
  readonly #options: CeleryResultsOptions;

  constructor(options: CeleryResultsOptions) {
    this.#options = options;
  }

  /** Stores the state of a message's task. */
  async store(message: CeleryMessage, state: TaskState): Promise<void> {
    const { group, parentId } = message;
    await this.write(message.id, {
      ...toMeta(state),
      ...(group !== undefined && { group_id: group }),
      ...(parentId !== undefined && { parent_id: parentId }),
      ...(this.#options.isExtended && this.#extend(message)),
    });
  }

  /** Stores the failure of a task of which no more is known. */
  async storeFailure(id: string, exception: PythonException): Promise<void> {
    await this.write(id, toMeta({ status: "FAILURE", result: exception }));
  }

  /** Stores that a task was revoked of which no more is known. */
  async storeRevoked(id: string, exception: PythonException): Promise<void> {
    await this.write(id, toMeta({ status: "REVOKED", result: exception }));
  }

  /** Stores what Celery's `AsyncResult` reads. */
  async write(id: string, meta: object): Promise<void> {
    const { redis, expiresMs, patience } = this.#options;
    const text = JSON.stringify({ ...meta, task_id: id });
    const values = [text, Math.ceil(expiresMs / 1000)];
    const keys = [this.#keyOf(id)];
    await patience.repeat(() => storeScript.run(redis, keys, values), { always: true });
  }

  /** Returns what a task has returned, where it has succeeded. */
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

  #keyOf(id: string): string {
    return `${this.#options.prefix}celery-task-meta-${id}`;
  }

  #extend({ task: name, args, kwargs, retries, queue, envelope }: CeleryMessage): object {
    const { stamped_headers, stamps } = envelope.headers;
    return {
      name,
      args,
      kwargs,
      worker: this.#options.worker,
      retries,
      queue: queue ?? null,
      ...(Array.isArray(stamped_headers) && { stamped_headers, ...(stamps as object) }),
    };
  }
}

function toMeta({ status, result, traceback = undefined, children = [] }: TaskState): object {
  const date_done = endStates.has(status) ? toIsoTime(Date.now()) : null;
  return { status, result: result ?? null, traceback: traceback ?? null, children, date_done };
}
