import { type PickleDict, PickledTuple, type PickleValue } from "./pickle/pickle-values.ts";

type Scalar = string | number | boolean | null;

/** A plain setting: a scalar, or one or two numbers, as an image size may be. */
export type Setting = Scalar | readonly number[];

/** What a checkpoint says of itself besides the network. */
export interface CheckpointMetadata {
  /** When it was saved, in ISO 8601. */
  readonly date?: string;
  /** The version of Ultralytics that saved it. */
  readonly version?: string;
  readonly license?: string;
  readonly docs?: string;
  /** -1 after the end of the training. */
  readonly epoch?: number;
  /** The plain settings of the training. */
  readonly trainArgs: ReadonlyMap<string, Setting>;
  /** The plain results of the last validation. */
  readonly trainMetrics: ReadonlyMap<string, Setting>;
}

/** Longer texts and more entries than a training has are left out: they go into other files. */
const maxTextLength = 2000;
const maxEntries = 1000;

export function readMetadata(checkpoint: PickleDict): CheckpointMetadata {
  const metadata: { -readonly [K in keyof CheckpointMetadata]: CheckpointMetadata[K] } = {
    trainArgs: settingsOf(checkpoint.get("train_args")),
    trainMetrics: settingsOf(checkpoint.get("train_metrics")),
  };
  for (const name of ["date", "version", "license", "docs"] as const) {
    const value = checkpoint.get(name);
    if (typeof value === "string" && isScalar(value)) metadata[name] = value;
  }
  const epoch = checkpoint.get("epoch");
  if (typeof epoch === "number") metadata.epoch = epoch;
  return metadata;
}

function settingsOf(value: PickleValue | undefined): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  if (!(value instanceof Map)) return settings;
  for (const [name, entry] of value) {
    if (settings.size === maxEntries) break;
    const setting = toSetting(entry);
    if (typeof name === "string" && isScalar(name) && setting !== undefined) {
      settings.set(name, setting);
    }
  }
  return settings;
}

/** Returns a plain setting as it is, and undefined for anything else. */
export function toSetting(value: PickleValue | undefined): Setting | undefined {
  if (value === undefined) return undefined;
  if (isScalar(value)) return value;
  const items = value instanceof PickledTuple ? value.items : value;
  if (!Array.isArray(items) || items.length < 1 || items.length > 2) return undefined;
  return items.every((item) => typeof item === "number") ? items : undefined;
}

function isScalar(value: PickleValue): value is Scalar {
  if (typeof value === "string") return value.length <= maxTextLength;
  return typeof value === "number" || typeof value === "boolean" || value === null;
}
