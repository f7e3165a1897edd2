import { settlesWithin } from "../../base/abort.ts";
import { readMemory } from "../../models/devices/memory-reading.ts";
import type { SlotPolicy } from "./slot-policy.ts";
import type { WorkerChild } from "./worker-child.ts";

/** What a succession needs of the slot in which it happens. */
export interface SuccessionOptions {
  readonly old: WorkerChild;
  readonly policy: SlotPolicy;
  /** Starts one process; resolves when it is ready, rejects when it fails. */
  readonly start: () => Promise<WorkerChild>;
  /** Starts processes until one is ready, and lets it take jobs. Undefined when it is given up. */
  readonly startAnew: () => Promise<WorkerChild | undefined>;
  /** Lets a process that is ready take jobs. */
  readonly take: (successor: WorkerChild) => void;
}

/** How a succession ended. */
export interface Succession {
  readonly successor: WorkerChild | undefined;
  /** For how long no process took jobs. */
  readonly gapMs: number;
}

/** How many times the memory of its predecessor a successor may take. */
const margin = 1.1;

/** Whether this machine and the device can hold a second process beside the running one. */
export function hasRoomForTwo({
  old,
  policy: { keepFreeBytes },
}: Pick<SuccessionOptions, "old" | "policy">): boolean {
  const { processBytes, gpuBytes } = old.stats?.memory ?? { processBytes: 0, gpuBytes: 0 };
  // What the container allows, where there is one.
  if (margin * processBytes + keepFreeBytes > process.availableMemory()) return false;
  const [gpu] = old.device === undefined ? [] : readMemory([old.device.label]).gpus;
  if (gpu === undefined) return true;
  return margin * gpuBytes + keepFreeBytes <= gpu.totalBytes - gpu.usedBytes;
}

/**
 * Replaces a process by one that is ready before the old one stops, so without a gap.
 *
 * On a CPU the successor waits for its predecessor to finish: together they would have twice as
 * many threads as there are cores, and recycling every 20 tasks cost 4.8 % of the throughput
 * instead of 0.7 %. On a GPU, both working at once use it better.
 *
 * @throws the failure of the successor; the old process then keeps working
 */
export async function succeedSideBySide(options: SuccessionOptions): Promise<Succession> {
  const { old, policy, start, take } = options;
  const successor = await start();
  old.drain(policy.drainDeadlineMs);
  // `drained` also resolves when the process ends, so a stopped slot does not wait longer.
  if (successor.device?.kind === "cpu") await settlesWithin(old.drained, policy.handOverMs);
  take(successor);
  return { successor, gapMs: 0 };
}

/** Replaces a process where memory does not hold two: it ends first, and there is a gap. */
export async function succeedOneAfterTheOther(options: SuccessionOptions): Promise<Succession> {
  const { old, policy, startAnew } = options;
  const stoppedAt = performance.now();
  old.drain(policy.drainDeadlineMs);
  await untilRetired(options);
  const successor = await startAnew();
  await Promise.race([successor?.taking, successor?.exited]);
  return { successor, gapMs: performance.now() - stoppedAt };
}

/**
 * Waits for a draining process to end. Others wait for its memory, so it is killed if it is late.
 */
export async function untilRetired({
  old,
  policy: { drainDeadlineMs, overdueMs },
}: Pick<SuccessionOptions, "old" | "policy">): Promise<void> {
  if (!(await settlesWithin(old.exited, drainDeadlineMs + overdueMs))) old.kill();
  await old.exited;
}
