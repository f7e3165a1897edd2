import { formatBytes } from "../../../base/quantities.ts";
import { exportModel } from "../../../models/files/export-model.ts";
import { displayPath, fromCaller, modelFromCaller } from "../../options/caller-paths.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

export interface ExportModelArguments {
  readonly imageSize?: number | [number, number] | "dynamic";
  readonly half?: boolean;
  readonly json?: boolean;
}

/** Runs `orangery export`; resolves to the exit status. */
export async function exportOnnx(
  output: StandardOutput,
  [model, out]: readonly [model: string, out: string],
  { imageSize, half, json }: ExportModelArguments,
): Promise<number> {
  return await interruptible(async ({ stop: signal }) => {
    const options = { imageSize, half, signal };
    const exported = await exportModel(modelFromCaller(model), fromCaller(out), options);
    const { path, bytes, inputShape, elementType } = exported;
    const input = inputShape.join(" × ");
    await (json
      ? output.writeJson(exported)
      : output.write(
          `Wrote ${displayPath(path)}: input ${input}, weights of ${elementType}; ` +
            `${formatBytes(bytes)}\n`,
        ));
    return exitStatus.ok;
  });
}
