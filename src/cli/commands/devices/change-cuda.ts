import { createInterface } from "node:readline/promises";
import { formatBytes } from "../../../base/quantities.ts";
import { OrangeryError } from "../../../errors.ts";
import { addCuda, removeCuda } from "../../../models/providers/add-cuda.ts";
import { type CudaPlan, planCuda } from "../../../models/providers/plan-cuda.ts";
import { displayPath } from "../../options/caller-paths.ts";
import { exitStatus } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

/** Options of `orangery devices add`, as commander parses them. */
export interface AddArguments {
  readonly yes?: boolean;
  readonly index: string;
}

/** Runs `orangery devices add cuda`; resolves to the exit status. */
export async function addCudaAsked(
  output: StandardOutput,
  { yes = false, index }: AddArguments,
): Promise<number> {
  const plan = await planCuda();
  if (plan.isComplete) {
    await output.write(`CUDA is in place, in ${displayPath(plan.folder)}\n`);
    return exitStatus.ok;
  }
  if (plan.missing.length > 0) {
    await output.write(describe(plan));
    if (!yes && !(await isConfirmed())) return exitStatus.error;
  }
  await addCuda(plan, { index, onProgress: progressOf(plan) });
  await output.write(
    `CUDA is in place, in ${displayPath(plan.folder)}. ` +
      "`orangery devices` proves it, and `--device cuda:0` takes it.\n",
  );
  return exitStatus.ok;
}

/** Runs `orangery devices remove cuda`. */
export async function removeAddedCuda(output: StandardOutput): Promise<void> {
  const bytes = await removeCuda();
  await output.write(
    bytes === 0 ? "There is no CUDA to remove\n" : `Removed CUDA, ${formatBytes(bytes)}\n`,
  );
}

function describe({ folder, missing, downloadBytes, diskBytes, runtimeVersion }: CudaPlan): string {
  const lines = missing.map(
    ({ project, version, bytes }) => `  ${`${project} ${version}`.padEnd(32)}${formatBytes(bytes)}`,
  );
  return (
    `CUDA for ONNX Runtime ${runtimeVersion} takes from the package index:\n${lines.join("\n")}\n` +
    `${formatBytes(downloadBytes)} to fetch and ${formatBytes(diskBytes)} to keep, ` +
    `in ${displayPath(folder)}. NVIDIA's libraries are under NVIDIA's licences.\n`
  );
}

/** Asks at a terminal. @throws `INVALID_ARGUMENT` where nobody can be asked */
async function isConfirmed(): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected --yes, since there is no terminal to ask at. Nothing was fetched.",
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question("Fetch them? [y/N] ")).trim());
  } finally {
    terminal.close();
  }
}

const lineMs = 2000;

/** Prints how far it is: in one line at a terminal, else as lines from time to time. */
function progressOf({ downloadBytes }: CudaPlan): (bytes: number) => void {
  const { isTTY } = process.stderr;
  let printedAt = performance.now();
  return (bytes) => {
    const now = performance.now();
    const isDone = bytes === downloadBytes;
    if (now - printedAt < (isTTY ? 200 : lineMs) && !isDone) return;
    printedAt = now;
    const text = `${formatBytes(bytes)} of ${formatBytes(downloadBytes)}`;
    process.stderr.write(isTTY ? `\r\x1b[K${text}${isDone ? "\n" : ""}` : `${text}\n`);
  };
}
