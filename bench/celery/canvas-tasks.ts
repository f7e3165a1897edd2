/** The tasks of the matrix as a worker of ours has them; `canvas_tasks.py` has the same. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import type { CeleryTasks } from "../../src/fleet/celery.ts";
import type { TaskContext } from "../../src/index.ts";
import { FunctionTask, type Work } from "../../test/celery.fixture.ts";

/** Returns the tasks. They note in Redis what was asked for, and what they did of a queue. */
export function canvasTasks(redis: Redis, queue: string): CeleryTasks {
  const tasks: Record<string, readonly [parameters: readonly string[], run: Work]> = {
    identity: [["x"], ({ x }: { x: unknown }) => x],
    add: [["x", "y", "z"], ({ x, y, z = 0 }: { x: number; y: number; z?: number }) => x + y + z],
    tsum: [["numbers"], ({ numbers }: { numbers: number[] }) => numbers.reduce((a, b) => a + b, 0)],
    fail: [["x"], fail],
    note: [
      ["text", "key"],
      async ({ text, key }: { text: string; key: string }) => {
        await redis.rpush(key, text);
        return text;
      },
    ],
    failed: [
      ["task_id"],
      async ({ task_id }: { task_id: string }) =>
        void (await redis.rpush(`${queue}:failed`, task_id)),
    ],
    wait: [["seconds"], wait],
    guarded: [
      ["seconds"],
      async (payload: { seconds: number }, context: TaskContext) => {
        await wait(payload, context).catch(() => {});
        return context.signal.aborted ? "in time" : "late";
      },
    ],
    who: [
      ["number"],
      async ({ number }: { number: number }) => {
        await redis.rpush(`${queue}:ours`, number);
        return number * number;
      },
    ],
  };
  return Object.fromEntries(
    Object.entries(tasks).map(([name, [parameters, run]]) => [
      `matrix.${name}`,
      { task: new FunctionTask(run), parameters },
    ]),
  );
}

function fail(): never {
  throw Object.assign(new TypeError("meant to fail"), { retryable: false });
}

async function wait({ seconds }: { seconds: number }, { signal }: TaskContext): Promise<number> {
  await sleep(1000 * seconds, undefined, { signal });
  return seconds;
}
