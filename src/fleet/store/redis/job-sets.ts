import type { Queue, Worker } from "bullmq";
import type { JobState } from "../job-filter.ts";
import { type QueueScript, runScript } from "./run-script.ts";

/** Where BullMQ keeps the jobs of a state. */
export interface JobSet {
  readonly state: JobState;
  /** BullMQ's name of the key. */
  readonly key: string;
  readonly kind: "list" | "zset";
  /** Whether the jobs to show first are at the end. */
  readonly isReversed: boolean;
}

/** BullMQ takes the end of the list of waiting jobs first, and those of `prioritized` after it. */
const sets: readonly JobSet[] = [
  { state: "active", key: "active", kind: "list", isReversed: false },
  { state: "waiting", key: "wait", kind: "list", isReversed: true },
  { state: "waiting", key: "prioritized", kind: "zset", isReversed: false },
  { state: "delayed", key: "delayed", kind: "zset", isReversed: false },
  { state: "failed", key: "failed", kind: "zset", isReversed: true },
];

export function setsOf(state: JobState): readonly JobSet[] {
  return sets.filter((set) => set.state === state);
}

/** @throws `QUEUE_…` */
export async function sizeOf(queue: Queue | Worker, { key, kind }: JobSet): Promise<number> {
  const script: QueueScript = {
    name: `orangerySizeOf${kind}`,
    keys: [key],
    lua: `return redis.call("${kind === "list" ? "LLEN" : "ZCARD"}", KEYS[1])`,
  };
  return await runScript(queue, script, []);
}
