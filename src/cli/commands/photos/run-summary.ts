import { printable } from "../../../base/printable.ts";
import type { WorklistPhoto, WorklistView } from "../../../ledger/worklist/worklist-view.ts";
import { displayPath } from "../../options/caller-folder.ts";
import { formatCount, formatDuration, formatPlural, formatRate } from "../../output/quantities.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatCountsTable } from "./counts-table.ts";
import type { RunOutcome } from "./run-outcome.ts";

/** Rows of the table, and of the list of photos without a result. The results file has them all. */
const shownPhotos = 24;

/** Prints for people what a run has come to. */
export async function printSummary(
  output: StandardOutput,
  report: WorklistView,
  facts: RunOutcome,
): Promise<void> {
  const states = await report.states();
  const photos: WorklistPhoto[] = [];
  for await (const photo of report.photos({ state: "done", limit: shownPhotos })) {
    photos.push(photo);
  }
  if (photos.length > 0) {
    const totals = await report.totals();
    const { maxDetections } = facts;
    const table = formatCountsTable({ photos, photoCount: states.done, totals, maxDetections });
    await output.write(`${table}\n`);
  }
  await printSetAside(output, report, states["set-aside"]);

  const left = states.waiting + states.leased;
  const lines = [
    `This run    ${describeRun(facts, left)}`,
    `Results     ${displayPath(facts.resultsFile)}`,
    ...(facts.annotateFolder ? [`Pictures    ${displayPath(facts.annotateFolder)}`] : []),
    ...facts.unreadableFolders.map((folder) => `Not listed  ${displayPath(folder)}`),
    ...(left > 0 ? [`Left        ${formatPlural(left, "photo")}; ${howToGoOn(facts)}`] : []),
  ];
  await output.write(`${lines.join("\n")}\n`);
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

function howToGoOn({ isInterrupted }: RunOutcome): string {
  return `${isInterrupted ? "interrupted, " : ""}start the same command again to go on`;
}

async function printSetAside(
  output: StandardOutput,
  report: WorklistView,
  count: number,
): Promise<void> {
  if (count === 0) return;
  await output.write(`Set aside (${formatCount(count)}):\n`);
  for await (const { source, reason } of report.photos({
    state: "set-aside",
    limit: shownPhotos,
  })) {
    await output.write(
      `  ${displayPath(source)}  ${reason?.code}\n    ${printable(reason?.message ?? "")}\n`,
    );
  }
  if (count > shownPhotos) await output.write(`  … ${formatCount(count - shownPhotos)} more\n`);
  await output.write("\n");
}
