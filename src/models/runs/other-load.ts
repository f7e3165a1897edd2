import { cpus } from "node:os";

/** Shorter spans are too coarse: the system counts in ticks of 10 ms. */
const spanMs = 250;
/** Other processes that take less than this of a core leave the machine quiet. */
const quietCores = 0.25;

let last: { readonly atMs: number; readonly busyMs: number } | undefined;
let isQuiet = false;

/**
 * Whether other processes left the cores to this one in the last quarter of a second or more; false
 * until that is known. Spinning threads beside computing ones cost a multiple of what they save:
 * YOLO11n at 320 took 101 ms instead of 29 on two busy cores.
 */
export function isMachineQuiet(): boolean {
  const atMs = performance.now();
  if (last !== undefined && atMs - last.atMs < spanMs) return isQuiet;
  const busyMs = readOthersMs();
  if (last !== undefined) isQuiet = busyMs - last.busyMs < quietCores * (atMs - last.atMs);
  last = { atMs, busyMs };
  return isQuiet;
}

/** Time that cores have worked for other processes, as far as the system shows it. */
function readOthersMs(): number {
  const all = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys, 0);
  const { user, system } = process.cpuUsage();
  return all - (user + system) / 1000;
}
