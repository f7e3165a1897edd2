import { type Command, InvalidArgumentError, Option } from "commander";
import { isOrangeryError } from "../../errors.ts";
import { parseDevice } from "../../models/devices/device.ts";
import type { WantedPrecision } from "../../pipeline/precision/settle-precision.ts";
import {
  collectClasses,
  collectClassScores,
  parseCount,
  parseFraction,
  parseImageSize,
} from "./option-values.ts";

/** Options of the detector. */
export interface DetectionArguments {
  readonly imageSize?: number | [number, number];
  readonly confidence: number;
  readonly classes?: readonly string[];
  readonly classConfidence?: readonly (readonly [string, number])[];
  readonly iou: number;
  readonly maxDetections?: number;
}

/** Options of the device that models run on. */
export interface DeviceArguments {
  readonly device: string;
  readonly requireDevice?: boolean;
}

/** The most detections on a photo unless `--max-detections` sets another number. */
export interface MaxDetections {
  readonly whole: number;
  /** Sliced photos are large, with many objects. */
  readonly sliced: number;
}

/** Adds the options of the detector. */
export function addDetectionOptions(command: Command, { whole, sliced }: MaxDetections): Command {
  return command
    .option("--confidence <score>", "least score of a detection, 0 to 1", parseFraction, 0.25)
    .option(
      "--classes <names>",
      "classes to find, by name or id, as in plant,weed (default: all)",
      collectClasses,
    )
    .option(
      "--class-confidence <scores>",
      "least scores of some classes, as in plant=0.4,weed=0.6",
      collectClassScores,
    )
    .option("--iou <overlap>", "boxes that overlap more are one object, 0 to 1", parseFraction, 0.7)
    .option(
      "--max-detections <n>",
      `most detections on a photo, the best (default: ${whole}, with --slice ${sliced})`,
      parseCount,
    )
    .option(
      "--image-size <px>",
      "input of the network: 640, or height x width as in 480x640 (default: the model's own)",
      parseImageSize,
    );
}

/** Adds the options of the device that models run on. */
export function addDeviceOptions(command: Command): Command {
  return command
    .option(
      "--device <name>",
      "auto, cpu, cuda:N, tensorrt:N, webgpu, coreml or directml:N",
      parseDeviceName,
      "auto",
    )
    .option("--require-device", "fail if the device cannot be used, instead of falling back");
}

/** What networks compute in, as commander parses it. */
export interface PrecisionArguments {
  readonly precision?: WantedPrecision;
}

/** Adds the option of what networks compute in. */
export function addPrecisionOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--precision <precision>",
      "float32, int8, or auto: int8 on the CPU where it counts as float32 does and is faster, " +
        "tried on some of the photos; results that exist decide (default: float32)",
    ).choices(["float32", "int8", "auto"]),
  );
}

function parseDeviceName(text: string): string {
  if (text === "auto") return text;
  try {
    return parseDevice(text).label;
  } catch (error) {
    if (isOrangeryError(error, "DEVICE_UNKNOWN")) throw new InvalidArgumentError(error.message);
    throw error;
  }
}
