import { printable } from "../../../base/printable.ts";
import { formatCount, formatPlural } from "../../../base/quantities.ts";
import type {
  WorklistPhoto,
  WorklistResult,
  WorklistTotals,
} from "../../../ledger/worklist/worklist-view.ts";
import { displayPath } from "../../options/caller-paths.ts";
import { type Column, formatTable, shortenMiddle } from "../../output/table.ts";

/** A photo that has a row. */
export interface CountsTablePhoto extends Pick<WorklistPhoto, "source"> {
  readonly result:
    | (Pick<WorklistResult, "objectCount" | "regionCount" | "counts"> &
        Partial<Pick<WorklistResult, "regionNames">>)
    | undefined;
}

export interface CountsTableOptions {
  readonly photos: readonly CountsTablePhoto[];
  /** The number of photos that the totals are of. */
  readonly photoCount: number;
  readonly totals: WorklistTotals;
  /** A photo with this many objects may have more, and is marked. */
  readonly maxDetections: number;
}

/** Longer names of photos are shortened, so that a table fits a terminal. */
const maxNameWidth = 60;

/** Counts of regions that are listed; the table of a bed with hundreds would not fit. */
const shownRegions = 12;

/** The most frequent names have a column of their own. */
const shownNames = 5;

/** Formats the number of objects on each photo, by name and by region, and on all photos. */
export function formatCountsTable(options: CountsTableOptions): string {
  const { photos, photoCount, totals, maxDetections } = options;
  const hasRegions = photos.some(({ result }) => result?.regionCount !== undefined);
  const counted = chooseColumns(totals);
  const columns: Column[] = [
    { title: "Photo" },
    ...counted.map(({ title }) => ({ title, align: "right" as const })),
    ...(hasRegions ? [{ title: "by region" }] : []),
  ];
  const isCut = ({ result }: CountsTablePhoto) => (result?.objectCount ?? 0) >= maxDetections;
  const rows = photos.map((photo) => [
    shortenMiddle(displayPath(photo.source), maxNameWidth),
    ...counted.map(({ countOn }) => formatCount(countOn(photo)) + (isCut(photo) ? "+" : "")),
    ...(hasRegions ? [describeRegions(photo)] : []),
  ]);
  const hidden = photoCount - photos.length;
  if (hidden > 0) rows.push(fill([`… ${formatCount(hidden)} more`], columns.length));
  const total = `Total of ${formatPlural(photoCount, "photo")}`;
  rows.push(fill([total, ...counted.map(({ total }) => formatCount(total))], columns.length));
  const note = photos.some(isCut)
    ? `+ reached --max-detections ${maxDetections}: there may be more, raise it to know\n`
    : "";
  return formatTable(columns, rows) + note;
}

interface CountColumn {
  readonly title: string;
  readonly total: number;
  readonly countOn: (photo: CountsTablePhoto) => number;
}

/** Chooses a column for each frequent name, one for all others, and at least one. */
function chooseColumns({ countByName, objectCount }: WorklistTotals): CountColumn[] {
  const names = [...countByName].sort((a, b) => b[1] - a[1]).slice(0, shownNames);
  const columns = names.map(([name, total]) => ({
    title: printable(name),
    total,
    countOn: (photo: CountsTablePhoto) => countIn(photo, 0, (other) => other === name),
  }));
  if (countByName.size === names.length && names.length > 0) return columns;
  const isShown = new Set(names.map(([name]) => name));
  const others = {
    title: names.length > 0 ? "others" : "objects",
    total: objectCount - names.reduce((sum, [, total]) => sum + total, 0),
    countOn: (photo: CountsTablePhoto) => countIn(photo, 0, (name) => !isShown.has(name)),
  };
  return [...columns, others];
}

/** `148 + 150`, `A1 148 + A2 150`, or a dash where there is no region. */
function describeRegions(photo: CountsTablePhoto): string {
  const { regionCount = 0, regionNames } = photo.result ?? {};
  const regions = Array.from({ length: regionCount }, (_, i) => countIn(photo, i + 1));
  const shown = regions
    .slice(0, shownRegions)
    .map((count, i) => [...(regionNames?.slice(i, i + 1) ?? []), formatCount(count)].join(" "))
    .map(printable);
  const rest = regions.length > shownRegions ? [`… (${formatCount(regions.length)})`] : [];
  return regions.length === 0 ? "–" : [...shown, ...rest].join(" + ");
}

function countIn(
  { result }: CountsTablePhoto,
  region: number,
  isCounted: (name: string) => boolean = () => true,
): number {
  const counts =
    result?.counts.filter((count) => count.region === region && isCounted(count.name)) ?? [];
  return counts.reduce((sum, { count }) => sum + count, 0);
}

function fill(cells: readonly string[], length: number): string[] {
  return Array.from({ length }, (_, i) => cells[i] ?? "");
}
