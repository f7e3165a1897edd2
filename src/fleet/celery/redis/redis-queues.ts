import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import type { Settlement } from "../app/celery-broker.ts";
import {
  abandonedScript,
  delayScript,
  dueScript,
  expiredScript,
  settleScript,
  takeScript,
} from "./broker-scripts.ts";
import type { CeleryKeys } from "./celery-keys.ts";

/** A message that this worker has taken. */
export interface TakenText {
  /** Identifies this delivery. */
  readonly tag: string;
  readonly text: string;
  /** The queue and the list that it was in. */
  readonly queue: string;
  readonly list: string;
}

export interface RedisQueuesOptions {
  readonly redis: Redis;
  readonly keys: CeleryKeys;
  readonly queues: readonly string[];
  readonly prioritySteps: readonly number[];
  readonly leaseMs: number;
  readonly visibilityTimeoutMs: number;
  readonly patience: QueuePatience;
}

/** Limited, so that Redis serves others in between. */
const batch = 100;

/** Celery's queues on a Redis: each operation is one atomic script. */
export class RedisQueues {
  readonly lists: readonly string[];
  readonly #options: RedisQueuesOptions;
  readonly #places: readonly { readonly queue: string; readonly list: string }[];
  readonly #suffixes: readonly string[];
  #turn = 0;

  constructor(options: RedisQueuesOptions) {
    this.#options = options;
    const { queues, prioritySteps, keys } = options;
    this.#places = prioritySteps.flatMap((step) =>
      queues.map((queue) => ({ queue, list: keys.list(queue, step) })),
    );
    this.lists = this.#places.map(({ list }) => list);
    this.#suffixes = queues.map((queue) => `,"",${JSON.stringify(queue)}]`);
  }

  /** Takes the next message: by priority, and the queues in turn. */
  async take(signal: AbortSignal): Promise<TakenText | undefined> {
    const { redis, keys, leaseMs, patience, queues } = this.#options;
    const turn = this.#turn++ % queues.length;
    const order = this.#places.map((_place, index) => {
      const first = index - (index % queues.length);
      return first + ((index + turn) % queues.length);
    });
    const answer = (await patience.repeat(
      () =>
        takeScript.run(
          redis,
          [keys.unacked, keys.unackedIndex, keys.leases, ...order.map((i) => this.lists[i]!)],
          [randomUUID(), leaseMs / 1000, ...order.map((i) => this.#suffixes[i % queues.length]!)],
        ),
      { always: true, signal },
    )) as [tag: string, text: string, place: number] | null;
    if (answer === null) return undefined;
    const [tag, text, place] = answer;
    return { tag, text, ...this.#places[order[place - 1]!]! };
  }

  /**
   * Ends the work on a message, if there is a tag, and sends others. Returns whether it was still
   * this worker's.
   */
  async settle(tag: string, { taskId, sent = [] }: Settlement): Promise<boolean> {
    const lists = sent.map(({ queue, priority }) => this.listOf(queue, priority));
    const texts = sent.map(({ envelope }) => JSON.stringify(envelope));
    return await this.#settle(tag, { taskId, command: "LPUSH", lists, texts });
  }

  /** Puts a message back at the front of its list. Returns whether it was still this worker's. */
  async giveBack({ tag, list, text }: Omit<TakenText, "queue">): Promise<boolean> {
    return await this.#settle(tag, { command: "RPUSH", lists: [list], texts: [text] });
  }

  /** Keeps a message until its time. */
  async delay(tag: string, etaMs: number): Promise<void> {
    const { redis, keys, visibilityTimeoutMs, patience } = this.#options;
    const places = [keys.unacked, keys.unackedIndex, keys.leases, keys.delayed];
    const values = [tag, etaMs / 1000, visibilityTimeoutMs / 1000];
    await patience.repeat(() => delayScript.run(redis, places, values), { always: true });
  }

  /**
   * Puts back due messages and those of dead workers. Returns the milliseconds until the next
   * delayed message is due.
   */
  async sweep(onLost: (tag: string) => void): Promise<number | undefined> {
    const { redis, keys } = this.#options;
    for (;;) {
      const found = (await expiredScript.run(
        redis,
        [keys.unacked, keys.leases],
        [batch],
      )) as string[];
      for (let i = 0; i < found.length; i += 2) {
        const [tag, text] = [found[i]!, found[i + 1]!];
        const list = /^orangery:[^:]*:\d+:(.*)$/s.exec(tag)![1]!;
        if (await this.giveBack({ tag, list, text: toRedeliveredMessage(text) })) onLost(tag);
      }
      if (found.length < 2 * batch) break;
    }
    await this.#returnAbandoned(onLost);
    return await this.#returnDue();
  }

  /** The list of messages with that priority. */
  listOf(queue: string, priority: number): string {
    const { keys, prioritySteps } = this.#options;
    const wanted = Math.max(0, Math.min(9, Math.trunc(priority)));
    return keys.list(queue, prioritySteps.findLast((step) => step <= wanted) ?? 0);
  }

  /** Puts back the messages of dead Python workers: if none is left, nobody else would. */
  async #returnAbandoned(onLost: (tag: string) => void): Promise<void> {
    const { redis, keys, queues, visibilityTimeoutMs } = this.#options;
    for (let left = 0; ; ) {
      const found = (await abandonedScript.run(
        redis,
        [keys.unacked, keys.unackedIndex],
        [visibilityTimeoutMs / 1000, left, batch],
      )) as string[];
      for (let i = 0; i < found.length; i += 2) {
        const [tag, text] = [found[i]!, found[i + 1]!];
        const sent = tag.startsWith("orangery:") ? undefined : readUnacked(text);
        const isBack =
          sent !== undefined &&
          queues.includes(sent.queue) &&
          (await this.giveBack({
            tag,
            list: this.listOf(sent.queue, sent.priority),
            text: toRedeliveredMessage(sent.text),
          }));
        if (isBack) onLost(tag);
        else left++;
      }
      if (found.length < 2 * batch) return;
    }
  }

  async #returnDue(): Promise<number | undefined> {
    const { redis, keys } = this.#options;
    for (;;) {
      const answer = await dueScript.run(
        redis,
        [keys.unacked, keys.unackedIndex, keys.delayed],
        [batch],
      );
      if (answer === null) return undefined;
      const seconds = Number(answer);
      if (seconds > 0) return 1000 * seconds;
    }
  }

  async #settle(
    tag: string,
    {
      taskId,
      command,
      lists,
      texts,
    }: {
      readonly taskId?: string | undefined;
      readonly command: "LPUSH" | "RPUSH";
      readonly lists: readonly string[];
      readonly texts: readonly string[];
    },
  ): Promise<boolean> {
    const { redis, keys, patience } = this.#options;
    const mark = keys.mark(taskId ?? "");
    const places = [keys.unacked, keys.unackedIndex, keys.leases, mark, ...lists];
    const values = [tag, command, taskId === undefined ? "0" : "1", ...texts];
    const answer = await patience.repeat(() => settleScript.run(redis, places, values), {
      always: true,
    });
    return answer === 1;
  }
}

/** Reads Kombu's entry for a message that a worker has; undefined if it is anything else. */
function readUnacked(
  text: string,
): { readonly text: string; readonly queue: string; readonly priority: number } | undefined {
  try {
    const [message, , queue] = JSON.parse(text);
    const priority = Number(message.properties.priority) || 0;
    return { text: JSON.stringify(message), queue, priority };
  } catch {
    return undefined;
  }
}

/** Writes a message as it was delivered, marked as delivered again. */
function toRedeliveredMessage(text: string): string {
  try {
    const { headers, properties, ...rest } = JSON.parse(text);
    return JSON.stringify({
      ...rest,
      headers: { ...headers, redelivered: true },
      properties: {
        ...properties,
        delivery_info: { ...properties.delivery_info, redelivered: true },
      },
    });
  } catch {
    // The message is refused when it is read.
    return text;
  }
}
