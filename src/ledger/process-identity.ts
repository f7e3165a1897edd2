import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Identifies a process, distinct from a later one with the same number. */
export interface ProcessIdentity {
  /** The scope of process numbers. */
  readonly host: string;
  readonly pid: number;
  /** When the process started, as the system reports it; empty where that is not known. */
  readonly processStart: string;
}

/** Returns the identity of this process. */
export function currentProcess(): ProcessIdentity {
  return {
    host: currentHost(),
    pid: process.pid,
    processStart: readStat(process.pid)?.start ?? "",
  };
}

/**
 * Whether the process is certainly gone. False where that cannot be known: on another host, in
 * another container, or where the system hides the processes of other users.
 */
export function isCertainlyGone({ host, pid, processStart }: ProcessIdentity): boolean {
  if (host !== currentHost()) return false;
  const stat = readStat(pid);
  if (stat !== undefined) return stat.ended || stat.start !== processStart;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}

/**
 * Returns the boot and the process-number namespace on Linux, the host name elsewhere. Containers
 * on one machine share the boot, may share the host name, and still number their processes
 * separately.
 */
function currentHost(): string {
  try {
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return hostname();
  }
}

/**
 * Reads the start time in clock ticks since boot, and whether the process has ended but is not
 * reaped yet.
 */
function readStat(pid: number): { start: string; ended: boolean } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name, in parentheses, may itself hold spaces and parentheses. Then come field 3, the
    // state, and field 22, the start time (proc_pid_stat(5)).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = fields[0]!;
    return { start: fields[19]!, ended: state === "Z" || state === "X" };
  } catch {
    return undefined;
  }
}
