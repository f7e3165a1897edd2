import { type ExportedModel, exportModel } from "../../../models/files/export-model.ts";
import { displayPath, fromCaller } from "../../options/caller-folder.ts";
import { modelFromCaller } from "../../options/model-argument.ts";
import { formatBytes } from "../../output/bytes.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

export interface ExportModelArguments {
  readonly imageSize?: number | [number, number] | "dynamic";
  readonly half?: boolean;
  readonly json?: boolean;
}

/** Does what `orangery export` was asked for; resolves to the exit status. */
export async function exportOnnx(
  output: StandardOutput,
  [model, out]: readonly [model: string, out: string],
  { imageSize, half, json }: ExportModelArguments,
): Promise<number> {
  using interrupts = new Interrupts({ onInterrupt: () => {} });
  let exported: ExportedModel;
  try {
    exported = await exportModel(modelFromCaller(model), fromCaller(out), {
      imageSize,
      half,
      signal: interrupts.stop,
    });
  } catch (error) {
    if (interrupts.exitStatus !== undefined) return interrupts.exitStatus;
    throw error;
  }
  const { path, bytes, inputShape, elementType } = exported;
  if (json) await output.writeJson(exported);
  else {
    const input = `${inputShape.join(" × ")}, ${elementType}`;
    await output.write(`Wrote ${displayPath(path)}: input ${input}; ${formatBytes(bytes)}\n`);
  }
  return exitStatus.ok;
}
