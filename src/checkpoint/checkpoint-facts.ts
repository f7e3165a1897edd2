import type { PickleDict, PickleValue } from "./pickle-values.ts";

export type Scalar = string | number | boolean | null;

/** What a checkpoint says of itself besides the network. What it leaves out is absent. */
export interface CheckpointFacts {
  /** When it was saved, in ISO 8601. */
  readonly date?: string;
  /** The version of Ultralytics that saved it. */
  readonly version?: string;
  readonly license?: string;
  readonly docs?: string;
  /** -1 when training has ended. */
  readonly epoch?: number;
  /** The training's settings, as far as they are plain. */
  readonly trainArgs: ReadonlyMap<string, Scalar>;
  /** The last validation's results, as far as they are plain. */
  readonly trainMetrics: ReadonlyMap<string, Scalar>;
}

/** Longer texts and more entries than a training has are left out: facts go into other files. */
const MAX_TEXT_LENGTH = 2000;
const MAX_ENTRIES = 1000;

export function readFacts(checkpoint: PickleDict): CheckpointFacts {
  const facts: { -readonly [K in keyof CheckpointFacts]: CheckpointFacts[K] } = {
    trainArgs: scalarsOf(checkpoint.get("train_args")),
    trainMetrics: scalarsOf(checkpoint.get("train_metrics")),
  };
  for (const name of ["date", "version", "license", "docs"] as const) {
    const value = checkpoint.get(name);
    if (typeof value === "string" && isScalar(value)) facts[name] = value;
  }
  const epoch = checkpoint.get("epoch");
  if (typeof epoch === "number") facts.epoch = epoch;
  return facts;
}

function scalarsOf(value: PickleValue | undefined): Map<string, Scalar> {
  const scalars = new Map<string, Scalar>();
  if (!(value instanceof Map)) return scalars;
  for (const [name, entry] of value) {
    if (scalars.size === MAX_ENTRIES) break;
    if (typeof name === "string" && isScalar(name) && isScalar(entry)) scalars.set(name, entry);
  }
  return scalars;
}

function isScalar(value: PickleValue): value is Scalar {
  if (typeof value === "string") return value.length <= MAX_TEXT_LENGTH;
  return typeof value === "number" || typeof value === "boolean" || value === null;
}
