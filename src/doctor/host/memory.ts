import { readFile } from "node:fs/promises";
import { totalmem } from "node:os";
import { formatBytes, formatPlural } from "../../base/quantities.ts";
import { green, type Observation, red, yellow } from "../finding.ts";
import { type GroupPlaces, readGroupLimits } from "./control-group.ts";

/** The memory that processes of this user may take. */
export interface UsableMemory {
  /** Of the machine, or of the container. */
  readonly totalBytes: number;
  readonly isLimited: boolean;
  /** What is left of it for more processes. */
  readonly freeBytes: number;
}

/** Where the system shows memory; tests have files of their own. */
export interface MemoryPlaces extends GroupPlaces {
  readonly meminfo?: string;
}

/** A worker of YOLO11m at 640, with what it decodes: docs/model-cache.md and benchmarks. */
const typicalProcessBytes = 500e6;

/** Reads the memory that is there and free, limits of control groups counted. */
export async function readUsableMemory({
  meminfo = "/proc/meminfo",
  ...places
}: MemoryPlaces = {}): Promise<UsableMemory> {
  const [text, group] = await Promise.all([
    readFile(meminfo, "utf8").catch(() => ""),
    readGroupLimits(places),
  ]);
  const kilobytes = (name: string) => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
    return value === undefined ? undefined : 1024 * Number(value);
  };
  const machineBytes = kilobytes("MemTotal") ?? totalmem();
  const machineFree = kilobytes("MemAvailable") ?? process.availableMemory();
  const { memoryBytes, usedBytes = 0 } = group;
  if (memoryBytes === undefined || memoryBytes >= machineBytes) {
    return { totalBytes: machineBytes, isLimited: false, freeBytes: machineFree };
  }
  // This process counts as in use, but ends before workers start.
  const own = Math.min(usedBytes, process.memoryUsage.rss());
  const freeBytes = Math.min(machineFree, Math.max(0, memoryBytes - usedBytes + own));
  return { totalBytes: memoryBytes, isLimited: true, freeBytes };
}

/**
 * The memory, and how many processes fit into it.
 *
 * @param processBytes What one takes with the model that was measured.
 */
export async function lookAtMemory({
  processBytes,
  ...places
}: MemoryPlaces & { readonly processBytes?: number | undefined } = {}): Promise<Observation> {
  const { totalBytes, isLimited, freeBytes } = await readUsableMemory(places);
  const each = processBytes ?? typicalProcessBytes;
  const fitting = Math.floor(freeBytes / each);
  const figures = {
    totalBytes,
    freeBytes,
    isLimited,
    processBytes: each,
    isMeasured: processBytes !== undefined,
    processesThatFit: fitting,
  };
  const total = formatBytes(totalBytes);
  const all = isLimited ? `the ${total} that this container may use` : `this machine's ${total}`;
  const free = `${formatBytes(freeBytes)} of ${all} are free`;
  const of = processBytes === undefined ? "like YOLO11m" : "like this one";
  const need = `of ${formatBytes(each)} each with a model ${of}`;
  const more = isLimited ? "Raise the memory limit" : "Give the machine more memory";
  if (fitting === 0) {
    const says = processBytes === undefined ? yellow : red;
    return says(
      `${free}, too little for a process ${need.replace(" each", "")}.`,
      `${more} to ${formatBytes(2.2 * each)} or more, or use a smaller model.`,
      figures,
    );
  }
  if (fitting === 1) {
    return yellow(
      `${free}: room for one process ${need.replace(" each", "")}, and not for its successor.`,
      `${more} to ${formatBytes(2.2 * each)} or more: a worker is replaced by one that is ready.`,
      figures,
    );
  }
  return green(`${free}: room for ${formatPlural(fitting, "process", "processes")} ${need}.`, {
    ...figures,
  });
}
