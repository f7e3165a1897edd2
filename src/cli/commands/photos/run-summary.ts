import { printable } from "../../../base/printable.ts";
import { formatCount, formatDuration, formatPlural, formatRate } from "../../../base/quantities.ts";
import type { PhotoWarning } from "../../../ledger/results/result-rows.ts";
import type { WorklistPhoto, WorklistView } from "../../../ledger/worklist/worklist-view.ts";
import { displayPath } from "../../options/caller-paths.ts";
import { formatLeftOut } from "../../output/left-out-lines.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatCountsTable } from "./counts-table.ts";
import type { RunOutcome } from "./run-outcome.ts";

/** Rows of the table and of the list of failed photos. The results file has them all. */
const shownPhotos = 24;

/** Prints the outcome of a run for people. */
export async function printSummary(
  output: StandardOutput,
  view: WorklistView,
  outcome: RunOutcome,
): Promise<void> {
  const states = await view.states();
  const photos: WorklistPhoto[] = [];
  for await (const photo of view.photos({ state: "done", limit: shownPhotos })) {
    photos.push(photo);
  }
  if (photos.length > 0) {
    const totals = await view.totals();
    const { maxDetections } = outcome;
    const table = formatCountsTable({ photos, photoCount: states.done, totals, maxDetections });
    await output.write(`${table}\n`);
  }
  await printFailed(output, view, states.failed);

  const left = states.waiting + states.leased;
  const lines = [
    `This run    ${describeRun(outcome, left)}`,
    ...(outcome.moved > 0 ? [`Moved       ${describeMoves(outcome.moved)}`] : []),
    `Results     ${displayPath(outcome.resultsFile)}`,
    ...(outcome.annotateFolder ? [`Pictures    ${displayPath(outcome.annotateFolder)}`] : []),
    ...outcome.unreadableFolders.map((folder) => `Not listed  ${displayPath(folder)}`),
    ...outcome.emptyFolders.map((folder) => `No photos   ${displayPath(folder)}`),
    ...formatWarnings(await view.warnings()),
    ...(left > 0 ? [`Left        ${formatPlural(left, "photo")}; ${howToGoOn(outcome)}`] : []),
  ];
  await output.write(`${[...lines, ...formatLeftOut(outcome.leftOut)].join("\n")}\n`);
}

function describeRun({ finished, elapsedMs, loads, device }: RunOutcome, left: number): string {
  if (finished === 0) return left > 0 ? "no photo finished" : "nothing was left to do";
  const rate = formatRate((1000 * finished) / elapsedMs);
  const where = device === undefined ? "" : ` on ${device}`;
  return (
    `${formatPlural(finished, "photo")} in ${formatDuration(elapsedMs)} (${rate}), ` +
    `${formatPlural(loads, "model load")}${where}`
  );
}

function describeMoves(moved: number): string {
  return `${formatPlural(moved, "photo")}: known before by a name whose file is gone`;
}

/** How each warning is put after a number of photos. */
export const warningTexts: { readonly [warning in PhotoWarning]: string } = {
  "nearly-black": "nearly black",
  "nearly-white": "nearly white",
  "no-contrast": "without contrast",
  "network-limit": "with as many objects as the network can return, or more",
};

function formatWarnings(warnings: ReadonlyMap<PhotoWarning, number>): string[] {
  const texts = Array.from(warnings, ([warning, photos]) => {
    return `${formatPlural(photos, "photo")} ${warningTexts[warning]}`;
  });
  return texts.length === 0 ? [] : [`Look at     ${texts.join(", ")}: the report names them`];
}

function howToGoOn({ isInterrupted }: RunOutcome): string {
  return `${isInterrupted ? "interrupted, " : ""}run the same command again to resume`;
}

async function printFailed(
  output: StandardOutput,
  view: WorklistView,
  count: number,
): Promise<void> {
  if (count === 0) return;
  await output.write(`Failed (${formatCount(count)}):\n`);
  for await (const { source, reason } of view.photos({
    state: "failed",
    limit: shownPhotos,
  })) {
    await output.write(
      `  ${displayPath(source)}  ${reason?.code}\n    ${printable(reason?.message ?? "")}\n`,
    );
  }
  if (count > shownPhotos) await output.write(`  … ${formatCount(count - shownPhotos)} more\n`);
  await output.write("\n");
}
