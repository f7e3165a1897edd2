import { hash } from "node:crypto";
import type { Expectation } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";
import type { OnnxModel } from "../onnx-nodes.ts";
import { chooseQuantizedValues } from "./quantized-values.ts";

/** The least and the greatest element of a value. */
export type ValueRange = readonly [least: number, greatest: number];

/**
 * How ranges were derived from the samples: from the extremes, or from bounds that hold 99.99 % of
 * the elements on either side.
 */
export type RangeMethod = "extremes" | "percentile";

/**
 * What quantising a network needs besides its file: the ranges of its values. Plain data of a few
 * kilobytes; the same file and calibration make the same network, byte for byte, on every machine.
 */
export interface Calibration {
  readonly method: RangeMethod;
  /** SHA-256 of the model file: other weights have other ranges. */
  readonly model: string;
  /** Hash of the names of the values, so that it is never used for another network. */
  readonly network: string;
  /** The least and the greatest element of each value: pairs of float32, little-endian, base64. */
  readonly ranges: string;
}

/** The check of an option that is a calibration. */
export const calibrationOption: Expectation = {
  expected: "a calibration, as `tryInt8` makes it, or undefined",
  holds: (value) => {
    const { method, model, network, ranges } = (value ?? {}) as Partial<Calibration>;
    return [method, model, network, ranges].every((part) => typeof part === "string");
  },
};

export function createCalibration({
  method,
  model,
  ranges,
}: Pick<Calibration, "method" | "model"> & {
  readonly ranges: ReadonlyMap<string, ValueRange>;
}): Calibration {
  const pairs = Float32Array.from([...ranges.values()].flat());
  return {
    method,
    model,
    network: hashNames([...ranges.keys()]),
    ranges: Buffer.from(pairs.buffer).toString("base64"),
  };
}

/**
 * Returns the ranges of a model's values.
 *
 * @throws `CALIBRATION_UNFIT` where the calibration is of another network, or is damaged
 */
export function rangesOf(
  { network, ranges }: Calibration,
  model: OnnxModel,
): ReadonlyMap<string, ValueRange> {
  const values = valuesToObserve(model);
  const bytes = Uint8Array.from(Buffer.from(ranges, "base64"));
  if (network !== hashNames(values) || bytes.length !== 8 * values.length) {
    throw unfit("another network's");
  }
  const pairs = new Float32Array(bytes.buffer);
  const isSound = (at: number) =>
    pairs[at]! <= pairs[at + 1]! && Number.isFinite(pairs[at + 1]! - pairs[at]!);
  if (!values.every((_, index) => isSound(2 * index))) throw unfit("one that is damaged");
  return new Map(values.map((value, i) => [value, [pairs[2 * i]!, pairs[2 * i + 1]!]]));
}

/** The names of the values whose ranges quantising needs, in the order of a run. */
export function valuesToObserve({ graph }: OnnxModel): readonly string[] {
  return [...new Set(chooseQuantizedValues(graph).rangeOf.values())];
}

/** Identifies a calibration by its contents. */
export function calibrationHash({ method, model, network, ranges }: Calibration): string {
  return hash("sha256", JSON.stringify([method, model, network, ranges]));
}

/**
 * Makes sure that a calibration is of the model file of this hash.
 *
 * @throws `CALIBRATION_UNFIT`
 */
export function requireCalibrationOf(sha256: string, { model }: Calibration): void {
  if (model !== sha256) throw unfit("that of a file with other contents");
}

function hashNames(names: readonly string[]): string {
  return hash("sha256", JSON.stringify(names)).slice(0, 16);
}

function unfit(came: string): OrangeryError {
  return new OrangeryError(
    "CALIBRATION_UNFIT",
    `Expected a calibration of this model by this version of Orangery, got ${came}. ` +
      "Calibrate the model again.",
  );
}
