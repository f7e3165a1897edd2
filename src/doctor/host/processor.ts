import { readFile } from "node:fs/promises";
import { availableParallelism, cpus, loadavg } from "node:os";
import { formatPlural, formatValue } from "../../base/quantities.ts";
import { green, type Observation, yellow } from "../finding.ts";
import { type GroupPlaces, readGroupLimits } from "./control-group.ts";

/** What a processor has that networks profit from, by the kernel's names of features. */
const features: readonly (readonly [flag: string, name: string])[] = [
  ["avx2", "AVX2"],
  ["avx512f", "AVX-512"],
  ["avx512_vnni", "VNNI"],
  ["avx_vnni", "VNNI"],
  ["amx_int8", "AMX"],
  ["asimddp", "dot products"],
  ["i8mm", "int8 matrices"],
  ["sve", "SVE"],
];

/** Reads the features that networks profit from; undefined where the system does not list them. */
export async function readProcessorFeatures(
  cpuinfo = "/proc/cpuinfo",
): Promise<readonly string[] | undefined> {
  const text = await readFile(cpuinfo, "latin1").catch(() => "");
  const line = /^(?:flags|Features)\s*:\s*(.+)$/m.exec(text)?.[1];
  if (line === undefined) return undefined;
  const flags = new Set(line.split(/\s+/));
  const found = features.filter(([flag]) => flags.has(flag)).map(([, name]) => name);
  return [...new Set(found)];
}

export interface ProcessorPlaces extends GroupPlaces {
  readonly cpuinfo?: string;
  /** Threads that computed or waited for a core. Default: the mean of the last minute. */
  readonly busyCores?: number;
}

/** The processor, its features, and the cores that may be used. */
export async function lookAtProcessor({
  cpuinfo,
  busyCores = loadavg()[0] ?? 0,
  ...places
}: ProcessorPlaces = {}): Promise<Observation> {
  const all = cpus();
  const model = all[0]?.model.trim() || process.arch;
  const [found, { cores: quota }] = await Promise.all([
    readProcessorFeatures(cpuinfo),
    readGroupLimits(places),
  ]);
  const cores = availableParallelism();
  const figures = { model, cores: all.length, usableCores: cores, quotaCores: quota };
  const known = { ...figures, features: found, busyCores };
  const which = quota !== undefined && quota < all.length ? formatValue(quota) : String(cores);
  const of = which === String(all.length) ? "" : ` of ${all.length}`;
  const words = found === undefined ? "" : `, ${found.join(", ") || "no vector units known"}`;
  const sentence = `${model}: ${which}${of} ${all.length === 1 ? "core" : "cores"}${words}`;
  if (quota !== undefined && quota < 1) {
    return yellow(
      `${sentence}; less than one core may be used.`,
      "Raise the CPU limit of the container: a run on a part of a core waits most of the time.",
      known,
    );
  }
  if (quota !== undefined && quota < cores) {
    return yellow(
      `${sentence}; runs would start ${formatPlural(cores, "thread")}, and wait for each other.`,
      `Set ORANGERY_CPU_THREADS=${Math.max(1, Math.floor(quota))}.`,
      known,
    );
  }
  const isOld = process.arch === "x64" && found !== undefined && !found.includes("AVX2");
  if (isOld) {
    return yellow(
      `${sentence}; without AVX2 networks take several times as long.`,
      "Use a processor with AVX2, or let the virtual machine have the host's features.",
      known,
    );
  }
  if (busyCores > 1.5 * all.length) {
    return yellow(
      `${sentence}; other programs keep it busy, so all times here are too long.`,
      "Stop or limit them, or look again when they are done: they slow counting, too.",
      known,
    );
  }
  return green(`${sentence}.`, known);
}

/** Whether int8 has instructions of its own here; undefined where that is not known. */
export async function hasInt8Instructions(cpuinfo?: string): Promise<boolean | undefined> {
  const found = await readProcessorFeatures(cpuinfo);
  return found?.some((name) => /VNNI|AMX|dot products|int8/.test(name));
}
