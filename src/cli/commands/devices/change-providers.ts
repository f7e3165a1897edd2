import { cpus } from "node:os";
import { createInterface } from "node:readline/promises";
import { formatBytes } from "../../../base/quantities.ts";
import { OrangeryError } from "../../../errors.ts";
import { addProvider, removeProvider } from "../../../models/providers/add-provider.ts";
import {
  type ProviderPlan,
  planProvider,
  providerTitles,
} from "../../../models/providers/plan-provider.ts";
import type { AddableProvider } from "../../../native/library/added-runtime.ts";
import { hasNvidiaDriver } from "../../../native/providers/cuda-provider.ts";
import { displayPath } from "../../options/caller-paths.ts";
import { exitStatus } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

/** Options of `orangery devices add`, as commander parses them. */
export interface AddArguments {
  readonly yes?: boolean;
  readonly index: string;
}

/** Runs `orangery devices add`; resolves to the exit status. */
export async function addProviderAsked(
  output: StandardOutput,
  provider: AddableProvider,
  { yes = false, index }: AddArguments,
): Promise<number> {
  const title = providerTitles[provider];
  const plan = await planProvider(provider);
  if (plan.isComplete) {
    await output.write(`${title} is in place, in ${displayPath(plan.folder)}\n`);
    return exitStatus.ok;
  }
  if (plan.missing.length > 0) {
    await output.write(describe(plan));
    if (!yes && !(await isConfirmed())) return exitStatus.error;
  }
  await addProvider(plan, { index, onProgress: progressOf(plan) });
  await output.write(
    `${title} is in place, in ${displayPath(plan.folder)}. ` +
      `\`orangery devices\` proves it, and \`--device ${exampleDevices[provider]}\` takes it.\n`,
  );
  return exitStatus.ok;
}

const exampleDevices: Readonly<Record<AddableProvider, string>> = {
  cuda: "cuda:0",
  openvino: "openvino:cpu",
};

/** Runs `orangery devices remove`. */
export async function removeAdded(
  output: StandardOutput,
  provider: AddableProvider,
): Promise<void> {
  const bytes = await removeProvider(provider);
  const title = providerTitles[provider];
  await output.write(
    bytes === 0 ? `There is no ${title} to remove\n` : `Removed ${title}, ${formatBytes(bytes)}\n`,
  );
}

function describe(plan: ProviderPlan): string {
  const { provider, folder, missing, downloadBytes, diskBytes, runtimeVersion } = plan;
  const lines = missing.map(
    ({ project, version, bytes }) => `  ${`${project} ${version}`.padEnd(32)}${formatBytes(bytes)}`,
  );
  return (
    `${providerTitles[provider]} for ONNX Runtime ${runtimeVersion} takes from the package ` +
    `index:\n${lines.join("\n")}\n` +
    `${formatBytes(downloadBytes)} to fetch and ${formatBytes(diskBytes)} to keep, ` +
    `in ${displayPath(folder)}.${noticeOf(provider)}\n`
  );
}

/** What is to be known before it is fetched. */
function noticeOf(provider: AddableProvider): string {
  if (provider === "cuda") {
    const driver = hasNvidiaDriver()
      ? ""
      : "\nThis machine has no NVIDIA driver: CUDA runs nothing here until one is installed, " +
        "580 or newer.";
    return ` NVIDIA's libraries are under NVIDIA's licences.${driver}`;
  }
  const processor = cpus()[0]?.model ?? "unknown";
  if (/intel/i.test(processor)) return "";
  return ` It takes devices of Intel only, and the processor of this machine is ${processor}.`;
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
function progressOf({ downloadBytes }: ProviderPlan): (bytes: number) => void {
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
