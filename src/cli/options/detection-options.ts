import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { isOrangeryError } from "../../errors.ts";
import {
  deviceOptionsVariable,
  parseDevice,
  readDeviceOptions,
} from "../../models/devices/device.ts";
import { addPluginLibraries } from "../../native/providers/plugins.ts";
import type { WantedPrecision } from "../../pipeline/precision/settle-precision.ts";
import {
  collectClasses,
  collectClassScores,
  collectNamed,
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

/** The most detections on a photo unless `--max-detections` sets another number. */
export interface MaxDetections {
  readonly whole: number;
  /** Sliced photos are large, with many objects. */
  readonly sliced: number;
}

/** Adds the options of the detector. */
export function addDetectionOptions(command: Command, { whole, sliced }: MaxDetections): Command {
  return command
    .option("--confidence <score>", "detections score above this, 0 to 1", parseFraction, 0.25)
    .option(
      "--classes <names>",
      "classes to find, by name or id, as in plant,weed (default: all)",
      collectClasses,
    )
    .option(
      "--class-confidence <scores>",
      "--confidence of some classes, as in plant=0.4,weed=0.6",
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

/** What networks compute in, as commander parses it. */
export interface PrecisionArguments {
  readonly precision?: WantedPrecision;
}

/** Adds the option of what networks compute in. */
export function addPrecisionOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--precision <precision>",
      "float32, float16, int8, or auto: int8 on the CPU and float16 on a GPU, where it counts as " +
        "float32 does and is faster, tried on some of the photos; results that exist decide " +
        "(default: float32)",
    ).choices(["float32", "float16", "int8", "auto"]),
  );
}

/** Options of the device that models run on. */
export interface DeviceArguments {
  readonly device: string;
  readonly requireDevice?: boolean;
  /** Options of the device's provider; the environment has them as well. */
  readonly deviceOption?: Readonly<Record<string, string>>;
}

/** Adds the options of the device that models run on. */
export function addDeviceOptions(command: Command): Command {
  return addPluginOption(command)
    .option(
      "--device <name>",
      "auto, cpu, cuda:N, tensorrt:N, webgpu, coreml, directml:N, or a plugin's",
      "auto",
    )
    .option("--require-device", "fail if the device cannot be used, instead of falling back")
    .option(
      "--device-option <key=value>",
      "an option of the device's provider, by its own name; may be repeated",
      collectDeviceOption,
    )
    .hook("preAction", (_, action) => readDevice(action));
}

/** Adds the option of libraries whose devices may be named. */
export function addPluginOption(command: Command): Command {
  return command
    .option(
      "--ep-library <file>",
      "the library of an execution provider, for its devices; may be repeated",
      (file: string, files: readonly string[] = []) => [...files, resolve(file)],
    )
    .hook("preAction", (_, action) => addPluginLibraries(action.opts().epLibrary ?? []));
}

/** Which names there are depends on the plugins, and those are known when all is parsed. */
function readDevice(command: Command): void {
  const { device, deviceOption } = command.opts<DeviceArguments>();
  if (deviceOption !== undefined) {
    if (device === "cpu") {
      command.error(
        "error: option '--device-option <key=value>' is for other devices: the CPU has none. " +
          "ORANGERY_CPU_RUNS and ORANGERY_CPU_THREADS are for the CPU",
      );
    }
    const options = { ...readDeviceOptions(), ...deviceOption };
    process.env[deviceOptionsVariable] = JSON.stringify(options);
  }
  if (device === "auto") return;
  try {
    command.setOptionValue("device", parseDevice(device).label);
  } catch (error) {
    if (!isOrangeryError(error, "DEVICE_UNKNOWN")) throw error;
    command.error(
      `error: option '--device <name>' argument '${device}' is invalid. ${error.message}`,
    );
  }
}

function collectDeviceOption(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at > 0) return collectNamed([text.slice(0, at), text.slice(at + 1)], before);
  throw new InvalidArgumentError(
    `Expected a key and a value, as in num_streams=1, got \`${text}\`.`,
  );
}
