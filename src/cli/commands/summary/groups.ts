import { formatCount, formatValue } from "../../../base/quantities.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import {
  type ReadChosenCountsOptions,
  readChosenCounts,
} from "../../../ledger/review/counts/corrected-counts.ts";
import { CaptureCounter, type NamedTotals } from "../../../results/totals/capture-totals.ts";
import { FolderCounter } from "../../../results/totals/folder-totals.ts";
import { type Column, formatTable, shortenMiddle } from "../../output/table.ts";

/** What photos can be added up by. */
export type Grouping = "folder" | "day" | "camera";

/** The most frequent names have a column of their own. */
const shownNames = 5;
const maxNameWidth = 60;

/** Adds up the counts of photos by folder, of all levels, by day or by camera. */
export async function readGroups(
  ledger: Ledger,
  by: Grouping,
  options: ReadChosenCountsOptions,
): Promise<readonly NamedTotals[]> {
  const folders = new FolderCounter();
  const captures = new CaptureCounter();
  for await (const { source, capture, objectCount, counts } of readChosenCounts(ledger, options)) {
    const onPhoto = counts.filter(({ region }) => region === 0);
    const countByName = new Map(onPhoto.map(({ name, count }) => [name, count]));
    if (by === "folder") folders.add(source, { objectCount, countByName });
    else captures.add(capture, { objectCount, countByName });
  }
  if (by === "day") return captures.days;
  if (by === "camera") return captures.cameras;
  return folders.all.map(({ folder: name, totals }) => ({ name, totals }));
}

/** Formats the totals of groups as a table. */
export function formatGroups(groups: readonly NamedTotals[], by: Grouping): string {
  const names = mostFrequentNames(groups);
  const numbers = ["Photos", "Objects", "A photo", ...(names.length > 1 ? names : [])];
  const columns: Column[] = [
    { title: `${by.slice(0, 1).toUpperCase()}${by.slice(1)}` },
    ...numbers.map((title) => ({ title, align: "right" as const })),
  ];
  const rows = groups.map(({ name, totals: { photos, objects, countByName } }) => [
    name === "" ? "not known" : shortenMiddle(name, maxNameWidth),
    formatCount(photos),
    formatCount(objects),
    photos === 0 ? "-" : formatValue(Math.round((10 * objects) / photos) / 10),
    ...(names.length > 1 ? names.map((name) => formatCount(countByName.get(name) ?? 0)) : []),
  ]);
  return formatTable(columns, rows);
}

function mostFrequentNames(groups: readonly NamedTotals[]): readonly string[] {
  const sums = new Map<string, number>();
  for (const { totals } of groups) {
    for (const [name, count] of totals.countByName) sums.set(name, (sums.get(name) ?? 0) + count);
  }
  return [...sums]
    .sort((a, b) => b[1] - a[1])
    .slice(0, shownNames)
    .map(([name]) => name);
}

/** Returns groups as JSON. */
export function groupsToJson(groups: readonly NamedTotals[]): readonly object[] {
  return groups.map(({ name, totals: { photos, objects, countByName } }) => ({
    name: name === "" ? null : name,
    photos,
    objects,
    counts: Object.fromEntries(countByName),
  }));
}
