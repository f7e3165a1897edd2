import { printable } from "../../../base/printable.ts";
import { type Device, devicesToTry } from "../../../models/devices/device.ts";
import { proveDevice } from "../../../models/devices/device-proof.ts";
import { describeModel, type ModelDescription } from "../../../models/yolo/model-description.ts";
import { onnxRuntime } from "../../../native/onnx-runtime.ts";
import { displayPath } from "../../options/caller-folder.ts";
import { modelFromCaller } from "../../options/model-argument.ts";
import { formatBytes } from "../../output/bytes.ts";
import { formatCount, formatPlural } from "../../output/quantities.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

/** Does what `orangery info` was asked for. */
export async function info(
  output: StandardOutput,
  model: string,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const facts = await describeModel(modelFromCaller(model));
  const devices = await surveyDevices();
  if (json) await output.writeJson(toJson(facts, devices));
  else await output.write(format(facts, devices));
}

interface SurveyedDevice {
  readonly device: string;
  /** Why it cannot be used; undefined when it can. */
  readonly reason: string | undefined;
}

/** The devices that `auto` would try, each proved by a small run. */
async function surveyDevices(): Promise<SurveyedDevice[]> {
  const survey = async (device: Device): Promise<SurveyedDevice> => {
    try {
      await proveDevice(device, { runtime: onnxRuntime, chosenBy: "auto" });
      return { device: device.label, reason: undefined };
    } catch (error) {
      return { device: device.label, reason: (error as Error).message.trim() };
    }
  };
  return await Promise.all(devicesToTry("auto").map(survey));
}

function toJson(facts: ModelDescription, devices: readonly SurveyedDevice[]): object {
  const { file, gflops, ...rest } = facts;
  return {
    file: file.path,
    bytes: file.bytes,
    sha256: file.sha256,
    ...rest,
    gflops: gflops === undefined ? undefined : Number(gflops.toFixed(2)),
    devices: devices.map(({ device, reason }) => ({
      device,
      usable: reason === undefined,
      reason,
    })),
  };
}

/** More names are counted only; `--json` has them all. */
const namesShown = 10;

function format(facts: ModelDescription, devices: readonly SurveyedDevice[]): string {
  const { file, names, task } = facts;
  const kind = facts.format === "checkpoint" ? "YOLO checkpoint" : "ONNX model";
  const rows: [title: string, value: string | undefined][] = [
    ["file", `${kind}, ${formatBytes(file.bytes)}, sha256 ${file.sha256.slice(0, 12)}…`],
    ["about", facts.description],
    ["task", task],
    ["classes", `${formatCount(names.length)}: ${formatNames(names)}`],
    ["image size", formatSize(facts)],
    ["network", formatNetwork(facts)],
    ["date", facts.date],
    ["author", facts.author],
    ["Ultralytics", facts.ultralyticsVersion],
    ["licence", facts.license],
    ...devices.map(
      ({ device, reason }, index) =>
        [
          index === 0 ? "devices" : "",
          reason === undefined ? device : `not ${device}: ${reason}`,
        ] as [string, string],
    ),
  ];
  const lines = rows
    .filter((row): row is [string, string] => row[1] !== undefined)
    .map(([title, value]) => `  ${title.padEnd(12)}${printable(value)}\n`);
  return `${displayPath(file.path)}\n${lines.join("")}`;
}

function formatNames(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).join(", ");
  return names.length > namesShown ? `${shown}, …` : shown;
}

function formatSize({ imageSizeHw: [height, width], freeSize, stride }: ModelDescription): string {
  const size = `${height} × ${width} (height × width)`;
  return freeSize ? `${size}, others in multiples of ${stride}` : `${size}, no other`;
}

function formatNetwork(facts: ModelDescription) {
  const { layers, operators, parameters, gflops, elementType, imageSizeHw } = facts;
  const parts = [
    layers !== undefined && formatPlural(layers, "top-level layer"),
    operators !== undefined && formatPlural(operators, "operator"),
    parameters !== undefined && formatPlural(parameters, "parameter"),
    gflops !== undefined && `${gflops.toFixed(1)} GFLOPs at ${imageSizeHw.join(" × ")}`,
    elementType,
  ];
  return parts.filter((part) => typeof part === "string").join(", ");
}
