import { printable } from "../../../base/printable.ts";
import { formatBytes, formatCount, formatPlural } from "../../../base/quantities.ts";
import { type Device, devicesToTry } from "../../../models/devices/device.ts";
import { proveDevice } from "../../../models/devices/device-proof.ts";
import { describeModel, type ModelDescription } from "../../../models/yolo/model-description.ts";
import {
  differsFromUltralytics,
  ultralyticsOnnxSize,
} from "../../../models/yolo/network-signature.ts";
import { onnxRuntime } from "../../../native/onnx-runtime.ts";
import { readProof } from "../../../pipeline/precision/precision-proof.ts";
import { displayPath, modelFromCaller } from "../../options/caller-paths.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { summarizeProof } from "./proof-table.ts";

/** Runs `orangery info`. */
export async function info(
  output: StandardOutput,
  model: string,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const description = await describeModel(modelFromCaller(model));
  const devices = await proveDevices();
  await (json
    ? output.writeJson(toJson(description, devices))
    : output.write(format(description, devices)));
}

interface DeviceProof {
  readonly device: string;
  /** Why it cannot be used; undefined when it can. */
  readonly reason: string | undefined;
}

/** Proves each device that `auto` would try by a small run. */
async function proveDevices(): Promise<DeviceProof[]> {
  const prove = async (device: Device): Promise<DeviceProof> => {
    try {
      await proveDevice(device, { runtime: onnxRuntime, chosenBy: "auto" });
      return { device: device.label, reason: undefined };
    } catch (error) {
      return { device: device.label, reason: (error as Error).message.trim() };
    }
  };
  return await Promise.all(devicesToTry("auto").map(prove));
}

function toJson(description: ModelDescription, devices: readonly DeviceProof[]): object {
  const { file, gflops, proof, ...rest } = description;
  return {
    file: file.path,
    format: file.format,
    bytes: file.bytes,
    sha256: file.sha256,
    ...rest,
    gflops: gflops === undefined ? undefined : Number(gflops.toFixed(2)),
    proof: readProof(proof),
    devices: devices.map(({ device, reason }) => ({
      device,
      usable: reason === undefined,
      reason,
    })),
  };
}

/** Further names are only counted; `--json` has them all. */
const namesShown = 10;

function format(description: ModelDescription, devices: readonly DeviceProof[]): string {
  const { file, names, task } = description;
  const kind = file.format === "checkpoint" ? "YOLO checkpoint" : "ONNX model";
  const rows: [title: string, value: string | undefined][] = [
    ["file", `${kind}, ${formatBytes(file.bytes)}, sha256 ${file.sha256.slice(0, 12)}…`],
    ["about", description.description],
    ["task", task],
    ["classes", `${formatCount(names.length)}: ${formatNames(names)}`],
    ["image size", formatSize(description)],
    ["network", formatNetwork(description)],
    ["proof", formatProofOf(description)],
    ["date", description.date],
    ["author", description.author],
    ["Ultralytics", description.ultralyticsVersion],
    ["licence", description.license],
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

function formatSize({ file, imageSizeHw, freeSize, stride }: ModelDescription): string {
  const [height, width] = imageSizeHw;
  const size = `${height} × ${width} (height × width)`;
  if (!freeSize) return `${size}, no other`;
  const others = `${size}, others in multiples of ${stride}`;
  return differsFromUltralytics(file, { imageSizeHw, freeSize })
    ? `${others}; Ultralytics takes ${ultralyticsOnnxSize} for an ONNX file of free size`
    : others;
}

function formatProofOf({ proof }: ModelDescription): string | undefined {
  const read = readProof(proof);
  return read && summarizeProof(read);
}

function formatNetwork(description: ModelDescription) {
  const { layers, operators, parameters, gflops, elementType, imageSizeHw } = description;
  const parts = [
    layers !== undefined && formatPlural(layers, "top-level layer"),
    operators !== undefined && formatPlural(operators, "operator"),
    parameters !== undefined && formatPlural(parameters, "parameter"),
    gflops !== undefined && `${gflops.toFixed(1)} GFLOPs at ${imageSizeHw.join(" × ")}`,
    elementType,
  ];
  return parts.filter((part) => typeof part === "string").join(", ");
}
