import { printable } from "../../../base/printable.ts";
import {
  type DeviceSurvey,
  type SurveyedDevice,
  surveyDevices,
} from "../../../models/providers/survey-devices.ts";
import { displayPath } from "../../options/caller-paths.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

/** Runs `orangery devices`. */
export async function listDevices(
  output: StandardOutput,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const survey = await surveyDevices();
  await (json ? output.writeJson(survey) : output.write(format(survey)));
}

function format({ runtime, nvidiaDriver, addedCuda, devices, pluginFailures }: DeviceSurvey) {
  const driver = nvidiaDriver && (nvidiaDriver.version ?? "of an unknown version");
  const lines = [
    ...devices.flatMap(formatDevice),
    ...pluginFailures.map(
      ({ library, code, message }) => `not ${displayPath(library)}: ${message} [${code}]`,
    ),
    "",
    `ONNX Runtime ${runtime.version}, ${displayPath(runtime.file)}`,
    ...(driver === undefined ? [] : [`NVIDIA driver ${driver}`]),
    ...(addedCuda === undefined
      ? []
      : [`CUDA for ONNX Runtime ${addedCuda.runtimeVersion}, ${displayPath(addedCuda.folder)}`]),
  ];
  return `${lines.map(printable).join("\n")}\n`;
}

function formatDevice({ device, about, isUsable, reason, missing }: SurveyedDevice): string[] {
  const named = about === undefined ? device : `${device} (${about})`;
  if (isUsable) return [named];
  return [
    `not ${named}: ${reason}`,
    ...missing.map(
      ({ what, remedy }) => `    missing: ${what}${remedy === undefined ? "" : `: ${remedy}`}`,
    ),
  ];
}
