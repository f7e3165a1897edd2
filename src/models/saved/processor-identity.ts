import { hash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";
import { cpus } from "node:os";

let known: string | undefined;

/**
 * Identifies the kind of CPU of this machine by a short hash: a network that was optimised for one
 * kind may need instructions that another lacks. On Linux it is made of the kernel's list of
 * features, so that equal machines of a fleet agree; elsewhere of the CPU's name.
 */
export function processorIdentity(): string {
  known ??= hash("sha256", `${process.arch} ${readFeatures() ?? cpus()[0]?.model}`).slice(0, 16);
  return known;
}

function readFeatures(): string | undefined {
  if (process.platform !== "linux") return undefined;
  try {
    const file = openSync("/proc/cpuinfo", "r");
    try {
      // The first CPU is enough, and the whole file takes milliseconds on a machine of many.
      const start = Buffer.alloc(16_384);
      const text = start.toString("latin1", 0, readSync(file, start));
      return /^(?:flags|Features|isa)\s*:\s*(.+)$/m.exec(text)?.[1];
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}
