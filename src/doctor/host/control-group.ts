import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The limits that a control group of Linux, such as a container's, puts on this process. */
export interface GroupLimits {
  /** The lowest limit of all groups of this process; undefined for none. */
  readonly memoryBytes: number | undefined;
  /** Memory in use by the group with that limit that cannot be reclaimed. */
  readonly usedBytes: number | undefined;
  /** Cores' worth of time, which may be a fraction; undefined for no limit. */
  readonly cores: number | undefined;
}

/** Where the kernel shows control groups; tests have folders of their own. */
export interface GroupPlaces {
  readonly root?: string;
  readonly self?: string;
}

interface MemoryLimit {
  readonly bytes: number;
  readonly usedBytes: number | undefined;
}

/** A limit this large means none: version 1 writes the maximum number of pages. */
const noLimitBytes = 2 ** 60;

/** Reads the limits of this process's control groups, of version 2 and of version 1. */
export async function readGroupLimits({
  root = "/sys/fs/cgroup",
  self = "/proc/self/cgroup",
}: GroupPlaces = {}): Promise<GroupLimits> {
  const paths = groupPaths((await textOf(self)) ?? "");
  const unified = (await textOf(join(root, "cgroup.controllers"))) === undefined ? "unified" : "";
  const limits: MemoryLimit[] = [];
  const cores: number[] = [];
  for (const folder of ancestors(join(root, unified), paths.get("") ?? "/")) {
    limits.push(...(await memoryOfVersion2(folder)));
    const [quota, period] = (await textOf(join(folder, "cpu.max")))?.split(" ") ?? [];
    if (Number(quota) > 0) cores.push(Number(quota) / Number(period));
  }
  for (const folder of ancestors(join(root, "memory"), paths.get("memory") ?? "/")) {
    limits.push(...(await memoryOfVersion1(folder)));
  }
  for (const folder of ancestors(join(root, "cpu"), paths.get("cpu") ?? "/")) {
    const quota = await numberIn(join(folder, "cpu.cfs_quota_us"));
    const period = await numberIn(join(folder, "cpu.cfs_period_us"));
    if (quota !== undefined && quota > 0 && period) cores.push(quota / period);
  }
  const [least] = limits.toSorted((a, b) => a.bytes - b.bytes);
  return {
    memoryBytes: least?.bytes,
    usedBytes: least?.usedBytes,
    cores: cores.length === 0 ? undefined : Math.min(...cores),
  };
}

/** The group of this process by controller; that of version 2 has no name. */
function groupPaths(text: string): ReadonlyMap<string, string> {
  const paths = new Map<string, string>();
  for (const [, names = "", path = "/"] of text.matchAll(/^\d+:([^:]*):(.*)$/gm)) {
    for (const name of names.split(",")) paths.set(name, path);
  }
  return paths;
}

/** A group and those above it. In a container its path may be the host's, which is not there. */
function ancestors(root: string, path: string): string[] {
  const folders: string[] = [];
  for (let at = path; ; at = dirname(at)) {
    folders.push(join(root, at));
    if (at === "/" || at === ".") return folders;
  }
}

async function memoryOfVersion2(folder: string): Promise<MemoryLimit[]> {
  const bounds = [await numberIn(join(folder, "memory.max"))];
  // Above this, the kernel throttles a process until it hardly moves.
  bounds.push(await numberIn(join(folder, "memory.high")));
  const known = bounds.filter((bytes) => bytes !== undefined);
  if (known.length === 0) return [];
  const used = await numberIn(join(folder, "memory.current"));
  const droppable = await statOf(folder, "inactive_file");
  return [{ bytes: Math.min(...known), usedBytes: used && used - droppable }];
}

async function memoryOfVersion1(folder: string): Promise<MemoryLimit[]> {
  const bytes = await numberIn(join(folder, "memory.limit_in_bytes"));
  if (bytes === undefined || bytes >= noLimitBytes) return [];
  const used = await numberIn(join(folder, "memory.usage_in_bytes"));
  const droppable = await statOf(folder, "total_inactive_file");
  return [{ bytes, usedBytes: used && used - droppable }];
}

async function statOf(folder: string, name: string): Promise<number> {
  const text = (await textOf(join(folder, "memory.stat"))) ?? "";
  return Number(new RegExp(`^${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
}

/** Undefined for `max`, and where there is no such file. */
async function numberIn(file: string): Promise<number | undefined> {
  const text = await textOf(file);
  return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, "utf8")).trim();
  } catch {
    return undefined;
  }
}
