import { type Command, InvalidArgumentError, Option } from "commander";
import { isOrangeryError } from "../../errors.ts";
import { parseDevice } from "../../models/devices/device.ts";

/** Options that say how a detector is asked, as commander gives them. */
export interface DetectionArguments {
  readonly imageSize?: number | [number, number];
  readonly confidence: number;
  readonly iou: number;
  readonly maxDetections: number;
}

/** Options that every command with a model in its own process has. */
export interface PredictionArguments extends DetectionArguments {
  readonly device: string;
  readonly requireDevice?: boolean;
  readonly maxPixels?: number;
}

/** How many detections a photo has at most where it is not said. */
export interface MaxDetections {
  readonly whole: number;
  /** Who slices has large photos with much on them. */
  readonly sliced: number;
}

/** Adds the options that say how a model is asked and where it runs. */
export function addPredictionOptions(command: Command, maxDetections: MaxDetections): Command {
  return addMaxPixelsOption(
    addDetectionOptions(command, maxDetections)
      .addOption(
        new Option("--device <name>", "auto, cpu, cuda:N, tensorrt:N, webgpu, coreml or directml:N")
          .argParser(parseDeviceName)
          .default("auto"),
      )
      .option("--require-device", "fail if the device cannot be used, instead of falling back"),
  );
}

/** Adds the options that say how a model is asked. */
export function addDetectionOptions(command: Command, maxDetections: MaxDetections): Command {
  return command
    .addOption(
      new Option("--confidence <score>", "least score of a detection, 0 to 1")
        .argParser(parseFraction)
        .default(0.25),
    )
    .addOption(
      new Option("--iou <overlap>", "boxes that overlap more are one object, 0 to 1")
        .argParser(parseFraction)
        .default(0.7),
    )
    .addOption(
      new Option(
        "--max-detections <n>",
        `most detections on a photo, the best (default: ${maxDetections.whole}, with --slice ${maxDetections.sliced})`,
      ).argParser(parseCount),
    )
    .addOption(
      new Option(
        "--image-size <px>",
        "input of the network: 640, or height x width as in 480x640 (default: the model's own)",
      ).argParser(parseImageSize),
    );
}

export function addMaxPixelsOption(command: Command): Command {
  return command.addOption(
    new Option("--max-pixels <n>", "refuse photos of more pixels (default: 268 million)").argParser(
      parseCount,
    ),
  );
}

/**
 * Complains about an option that is missing. Commander's own mandatory options would be complained
 * about before a misspelt one, which is the likelier mistake.
 */
export function requireOption<T extends object>(
  command: Command,
  options: T,
  name: keyof T & string,
): void {
  const { flags } = command.options.find((option) => option.attributeName() === name)!;
  if (options[name] === undefined) command.error(`error: option '${flags}' is needed`);
}

export function parseFraction(text: string): number {
  const value = parseDecimal(text);
  if (value >= 0 && value <= 1) return value;
  throw expected("a number from 0 to 1", text);
}

export function parseCount(text: string): number {
  const value = parseDecimal(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw expected("a whole number from 1 up", text);
}

/** NaN for what is no decimal number; `Number` would take an empty text and 0x10, too. */
export function parseDecimal(text: string): number {
  return /^(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}

/** One number for a square, or [height, width]. */
export function parseImageSize(text: string): number | [number, number] {
  const [height, width, ...rest] = text.split(/[x×]/i);
  const isSide = (side: string | undefined) => /^[1-9]\d{0,4}$/.test(side ?? "");
  if (rest.length === 0 && isSide(height)) {
    if (width === undefined) return Number(height);
    if (isSide(width)) return [Number(height), Number(width)];
  }
  throw expected("pixels as in 640, or height x width as in 480x640", text);
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

export function expected(what: string, came: string): InvalidArgumentError {
  return new InvalidArgumentError(`Expected ${what}, got "${came}".`);
}
