import type { ExecutionProviderName } from "../../native/runtime.ts";
import type { MemoryReading } from "../devices/memory-reading.ts";
import type { RunChoice } from "../runs/choose-runs.ts";
import type { Precision } from "../yolo/network-signature.ts";
import type { CachedModel } from "./cached-model.ts";

/** The models of a cache, and what they cost so far. */
export interface CacheInfo {
  readonly models: readonly ModelInfo[];
  /** What was asked for: `auto`, or a device by name; `cpu` with `forceCpu`. */
  readonly wantedDevice: string;
  /** Loads from disk since the cache was made, by this thread. */
  readonly loads: number;
  /** Tasks that were counted. */
  readonly tasks: number;
  /** Well below 1 in health; in the hundreds, the memory budget is too small for the work. */
  readonly loadsPer1000Tasks: number;
  readonly memory: MemoryReading;
  /**
   * How long the inference that has been going on for longest has taken so far, on any device; 0
   * where none runs. Minutes, and the device hangs.
   */
  readonly longestRunMs: number;
}

/** A loaded model, as `info()` lists it. */
export interface ModelInfo {
  readonly name: string;
  readonly workerId: number;
  readonly file: string;
  readonly sha256: string;
  /** `draining` takes no new users and goes when its last lease, or its cancelled load, ends. */
  readonly state: "loading" | "ready" | "draining";
  /** Undefined while it loads, like all that follows. */
  readonly device: string | undefined;
  readonly deviceKind: ExecutionProviderName | undefined;
  readonly fallbackReason: string | undefined;
  /** Memory that the load took, measured; 0 where the model was shared. */
  readonly bytes: number | undefined;
  readonly loadMs: number | undefined;
  /** What its network computes in. */
  readonly precision: Precision | undefined;
  /** Since when it is ready. */
  readonly loadedAt: Date | undefined;
  /** False when another worker or thread of the process had the model loaded already. */
  readonly loadedHere: boolean | undefined;
  /** How its runs share the cores of the CPU, and why; undefined before the first run. */
  readonly runs: RunChoice | undefined;
  readonly hits: number;
  /** Leases held and calls that wait. */
  readonly leases: number;
  readonly pinned: boolean;
  readonly lastUseAt: Date;
}

export function toModelInfo(cached: CachedModel): ModelInfo {
  const { outcome } = cached;
  return {
    name: cached.name,
    workerId: cached.workerId,
    file: cached.file.path,
    sha256: cached.file.sha256,
    state: cached.state,
    device: outcome?.model.device,
    deviceKind: outcome?.model.deviceKind,
    fallbackReason: outcome?.model.fallbackReason,
    bytes: outcome?.bytes,
    loadMs: outcome?.loadMs,
    precision: outcome?.model.precision,
    loadedAt: outcome && new Date(performance.timeOrigin + cached.readyAtMs),
    loadedHere: outcome?.loaded,
    runs: outcome?.model.runs,
    hits: cached.hits,
    leases: cached.users,
    pinned: cached.pinned,
    lastUseAt: new Date(performance.timeOrigin + cached.lastUseAtMs),
  };
}
