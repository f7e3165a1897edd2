import { relative, sep } from "node:path";
import type { ReportedPhoto, WorklistReport } from "../ledger/worklist-report.ts";
import { callerFolder } from "./caller-folder.ts";
import { formatCount, formatDuration, formatPlural, formatRate } from "./quantities.ts";
import type { StandardOutput } from "./standard-output.ts";
import { type Column, formatTable } from "./table.ts";

/** What a run knows beside the report. */
export interface RunFacts {
  readonly resultsFile: string;
  readonly annotateFolder: string | undefined;
  readonly device: string | undefined;
  /** Models loaded by this process. */
  readonly loads: number;
  /** Photos finished by this process, and how long it took for them. */
  readonly finished: number;
  readonly elapsedMs: number;
  /** A photo with so many objects may have more. */
  readonly maxDetections: number;
  readonly isInterrupted: boolean;
  readonly unreadableFolders: readonly string[];
}

/** Rows of the table, and of the list of photos without a result. The results file has them all. */
const shownPhotos = 24;
/** Names that have a column of their own. */
const shownNames = 5;

/** Prints the summary for people. */
export async function printSummary(
  output: StandardOutput,
  report: WorklistReport,
  facts: RunFacts,
): Promise<void> {
  const states = await report.states();
  const { countByName } = await report.totals();
  const names = [...countByName].sort((a, b) => b[1] - a[1]).slice(0, shownNames);

  const isCut = ({ result }: ReportedPhoto) => (result?.objectCount ?? 0) >= facts.maxDetections;
  const photos: ReportedPhoto[] = [];
  for await (const photo of report.photos({ state: "done", limit: shownPhotos }))
    photos.push(photo);
  if (photos.length > 0) {
    const hasBeds = photos.some(({ result }) => result?.bedCount !== undefined);
    const columns: Column[] = [
      { title: "Photo" },
      ...names.map(([name]) => ({ title: name, align: "right" as const })),
      ...(hasBeds ? [{ title: "by bed" }] : []),
    ];
    const rows = photos.map((photo) => [
      displayPath(photo.source),
      ...names.map(([name]) => formatCount(countOf(photo, 0, name)) + (isCut(photo) ? "+" : "")),
      ...(hasBeds ? [describeBeds(photo)] : []),
    ]);
    const hidden = states.done - photos.length;
    if (hidden > 0) rows.push([`… ${formatCount(hidden)} more`, ...columns.slice(1).map(() => "")]);
    rows.push([
      `Total of ${formatPlural(states.done, "photo")}`,
      ...names.map(([, total]) => formatCount(total)),
      ...(hasBeds ? [""] : []),
    ]);
    await output.write(`${formatTable(columns, rows)}\n`);
    if (photos.some(isCut)) {
      const { maxDetections } = facts;
      await output.write(`+ reached --max-detections ${maxDetections}; raise it to count all\n\n`);
    }
  }

  await printSetAside(output, report, states["set-aside"]);
  const left = states.waiting + states.leased;
  const { finished, elapsedMs, loads, device } = facts;
  const rate = ` (${formatRate((1000 * finished) / elapsedMs)})`;
  const lines = [
    finished === 0
      ? "This run    nothing was left to do"
      : `This run    ${formatPlural(finished, "photo")} in ${formatDuration(elapsedMs)}${rate}, ` +
        `${formatPlural(loads, "model load")}${device === undefined ? "" : ` on ${device}`}`,
    `Results     ${displayPath(facts.resultsFile)}`,
    ...(facts.annotateFolder ? [`Pictures    ${displayPath(facts.annotateFolder)}`] : []),
    ...facts.unreadableFolders.map((folder) => `Not listed  ${displayPath(folder)}`),
    ...(left > 0 ? [`Left        ${formatPlural(left, "photo")}; ${howToGoOn(facts)}`] : []),
  ];
  await output.write(`${lines.join("\n")}\n`);
}

function howToGoOn({ isInterrupted }: RunFacts): string {
  return `${isInterrupted ? "interrupted, " : ""}start the same command again to go on`;
}

async function printSetAside(
  output: StandardOutput,
  report: WorklistReport,
  count: number,
): Promise<void> {
  if (count === 0) return;
  await output.write(`Set aside (${formatCount(count)}):\n`);
  for await (const { source, reason } of report.photos({
    state: "set-aside",
    limit: shownPhotos,
  })) {
    await output.write(`  ${displayPath(source)}  ${reason?.code}\n    ${reason?.message}\n`);
  }
  if (count > shownPhotos) await output.write(`  … ${formatCount(count - shownPhotos)} more\n`);
  await output.write("\n");
}

/** Prints one JSON line a photo, then one for all: see docs/cli.md. */
export async function printJsonSummary(
  output: StandardOutput,
  report: WorklistReport,
  facts: RunFacts,
): Promise<void> {
  for await (const photo of report.photos()) {
    if (output.isClosed) return;
    if (photo.state === "done" || photo.state === "set-aside")
      await output.writeJson(toJson(photo, facts.maxDetections));
  }
  const states = await report.states();
  const { countByName } = await report.totals();
  await output.writeJson({
    type: "summary",
    photos: states.done + states["set-aside"] + states.waiting + states.leased,
    done: states.done,
    setAside: states["set-aside"],
    left: states.waiting + states.leased,
    counts: Object.fromEntries(countByName),
    results: facts.resultsFile,
    ...(facts.annotateFolder !== undefined && { pictures: facts.annotateFolder }),
    ...(facts.unreadableFolders.length > 0 && { notListed: facts.unreadableFolders }),
    run: {
      photos: facts.finished,
      seconds: Math.round(facts.elapsedMs) / 1000,
      photosPerSecond:
        facts.finished === 0 ? 0 : Math.round((1e5 * facts.finished) / facts.elapsedMs) / 100,
      modelLoads: facts.loads,
      device: facts.device ?? null,
      interrupted: facts.isInterrupted,
    },
  });
}

function toJson(photo: ReportedPhoto, maxDetections: number): object {
  const { source, reason, result } = photo;
  if (result === undefined) return { type: "set-aside", image: source, ...reason };
  const countsOf = (bed: number) =>
    Object.fromEntries(
      result.counts.filter((count) => count.bed === bed).map(({ name, count }) => [name, count]),
    );
  return {
    type: "photo",
    image: source,
    width: result.widthPx,
    height: result.heightPx,
    sha256: result.contentSha256,
    device: result.device,
    detections: result.objectCount,
    ...(result.objectCount >= maxDetections && { reachedMaxDetections: true }),
    counts: countsOf(0),
    ...(result.bedCount !== undefined && {
      beds: Array.from({ length: result.bedCount }, (_, i) => ({
        bed: i + 1,
        counts: countsOf(i + 1),
      })),
    }),
  };
}

function countOf({ result }: ReportedPhoto, bed: number, name?: string): number {
  const counts = result?.counts.filter(
    (count) => count.bed === bed && (name === undefined || count.name === name),
  );
  return counts?.reduce((sum, { count }) => sum + count, 0) ?? 0;
}

/** `148 + 150, outside 2`, or a dash where there is no bed. */
function describeBeds(photo: ReportedPhoto): string {
  const beds = Array.from({ length: photo.result?.bedCount ?? 0 }, (_, i) => countOf(photo, i + 1));
  if (beds.length === 0) return "–";
  const outside = countOf(photo, 0) - beds.reduce((sum, count) => sum + count, 0);
  return beds.map(formatCount).join(" + ") + (outside > 0 ? `, outside ${outside}` : "");
}

/** Relative where that is shorter to read: below the folder where the user is. */
export function displayPath(path: string): string {
  const below = relative(callerFolder(), path);
  return below === "" || below === ".." || below.startsWith(`..${sep}`) ? path : below;
}
