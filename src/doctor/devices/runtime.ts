import { kernelLibrary } from "../../native/kernels/kernel-library.ts";
import { green, type Observation, yellow } from "../finding.ts";
import type { RuntimeSurvey } from "../measured/measuring-messages.ts";

/** The library, and whether Orangery's own operators can be opened on platforms that have them. */
export function describeRuntime(
  { version, file }: Pick<RuntimeSurvey, "version" | "file">,
  {
    hasKernels = kernelLibrary() !== undefined,
    machine = `${process.platform}-${process.arch}`,
  } = {},
): Observation {
  const figures = { version, file, hasKernels };
  const sentence = `ONNX Runtime ${version}, ${file}`;
  if (hasKernels || machine !== "linux-x64") return green(`${sentence}.`, figures);
  return yellow(
    `${sentence}; Orangery's own operators cannot be opened, without which networks are slower.`,
    "Install Orangery again, in a folder from which programs may run: in one mounted with noexec " +
      "they may not.",
    figures,
  );
}
