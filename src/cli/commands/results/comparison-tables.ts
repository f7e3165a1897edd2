import { printable } from "../../../base/printable.ts";
import { formatCount, formatPlural } from "../../../base/quantities.ts";
import type {
  ClassComparison,
  Comparison,
  PhotoComparison,
} from "../../../results/compare/compare-results.ts";
import type { CountErrors, MatchQuality } from "../../../results/compare/count-errors.ts";
import {
  formatError,
  formatErrorShare,
  formatRatio,
  formatSigned,
} from "../../../results/compare/format-errors.ts";
import { displayPath } from "../../options/caller-paths.ts";
import { type Column, formatTable, shortenMiddle } from "../../output/table.ts";

/** Photos in the table: those whose counts are furthest from the truth. */
const shownPhotos = 20;
const maxNameWidth = 60;

const right = (title: string): Column => ({ title, align: "right" });

/** Formats a comparison as tables: photos, classes, and the thresholds that fit best. */
export function formatComparison(comparison: Comparison): string {
  const parts = [
    photoTable(comparison),
    classTable(comparison),
    thresholdTable(comparison),
    notes(comparison),
  ];
  return parts.filter((part) => part !== "").join("\n");
}

/** A comparison as JSON: all of it but the pictures. */
export function toJson({ different, ...comparison }: Comparison): object {
  return { ...comparison, different: different.map(({ photo }) => photo.source) };
}

function photoTable({ photos, hasBoxes, all }: Comparison): string {
  const rows = photos
    .toSorted((a, b) => Math.abs(b.counted - b.truth) - Math.abs(a.counted - a.truth))
    .slice(0, shownPhotos);
  const hidden = photos.length - rows.length;
  const cells = ({ source, truth, counted, matched }: PhotoComparison) => [
    shortenMiddle(displayPath(source), maxNameWidth),
    ...[truth, counted].map(formatCount),
    formatError(counted - truth),
    ...(hasBoxes ? [formatCount(counted - matched!), formatCount(truth - matched!)] : []),
  ];
  const columns = [
    { title: "Photo" },
    ...["Truth", "Counted", "Error"].map(right),
    ...(hasBoxes ? ["Too many", "Missed"].map(right) : []),
  ];
  const fill = (texts: readonly string[]) => columns.map((_, i) => texts[i] ?? "");
  const more = hidden > 0 ? [fill([`… ${formatCount(hidden)} more, with smaller errors`])] : [];
  const total = [...[all.truth, all.counted].map(formatCount), formatError(all.error)];
  return formatTable(columns, [
    ...rows.map(cells),
    ...more,
    fill([`Total of ${formatPlural(photos.length, "photo")}`, ...total]),
  ]);
}

function classTable({ classes, all, hasBoxes }: Comparison): string {
  const titles = ["Truth", "Counted", "Error", "", "Bias", "Mean error", "R²"];
  const columns = [
    { title: "Class" },
    right("Above"),
    ...titles.map(right),
    ...(hasBoxes ? ["Precision", "Recall", "F1"].map(right) : []),
  ];
  const cells = (errors: CountErrors & MatchQuality) => [
    ...[errors.truth, errors.counted].map(formatCount),
    formatError(errors.error),
    formatErrorShare(errors.errorShare),
    formatSigned(errors.bias),
    errors.meanAbsoluteError.toFixed(1),
    formatRatio(errors.rSquared),
    ...(hasBoxes ? [errors.precision, errors.recall, errors.f1].map(formatRatio) : []),
  ];
  const rows = classes.map((row) => [
    printable(row.name),
    row.threshold === undefined ? "–" : String(row.threshold),
    ...cells(row),
  ]);
  return formatTable(columns, rows.length > 1 ? [...rows, ["together", "", ...cells(all)]] : rows);
}

function thresholdTable({ classes, hasBoxes, allByTotal }: Comparison): string {
  const fitted = classes.filter(({ byTotal }) => byTotal !== undefined);
  if (fitted.length === 0) return "";
  const columns = [
    { title: "Class" },
    ...["Right total above", "Counted", "Error", ""].map(right),
    ...(hasBoxes ? ["Best F1 above", "F1", "Counted"].map(right) : []),
  ];
  const rows = fitted.map(({ name, byTotal, byF1 }) => [
    printable(name),
    String(byTotal!.threshold),
    formatCount(byTotal!.counted),
    formatError(byTotal!.error),
    formatErrorShare(byTotal!.errorShare),
    ...(byF1 ? [String(byF1.threshold), formatRatio(byF1.f1), formatCount(byF1.counted)] : []),
  ]);
  if (allByTotal !== undefined && rows.length > 1) {
    const { counted, error, errorShare } = allByTotal;
    const total = ["together", "", formatCount(counted), formatError(error)];
    rows.push([...total, formatErrorShare(errorShare), ...(hasBoxes ? ["", "", ""] : [])]);
  }
  return formatTable(columns, rows);
}

function notes({ classes, withoutTruth, withoutResult }: Comparison): string {
  const thresholds = classes
    .flatMap(({ name, byTotal }) => (byTotal ? [`${name}=${byTotal.threshold}`] : []))
    .join(",");
  const lines = [
    classes.every(({ byTotal }) => byTotal !== undefined) &&
      classes.length > 1 &&
      // The option cannot name such classes.
      !classes.some(({ name }) => /[,']/.test(name)) &&
      `Count so with --class-confidence '${thresholds}'.`,
    ...classes.map(lackNote),
    withoutTruth > 0 && `Without a truth: ${formatPlural(withoutTruth, "photo")} with a result.`,
    withoutResult > 0 && `Without a result: ${formatPlural(withoutResult, "photo")} of the truth.`,
  ];
  return lines
    .filter((line) => line !== false)
    .map((line) => `${printable(line)}\n`)
    .join("");
}

function lackNote({ name, lacksObjects, byTotal }: ClassComparison): string | false {
  if (byTotal === undefined) return `The model has no class ${name}.`;
  if (!lacksObjects) return false;
  return (
    `Of ${name} there are more than were recorded: run again with a lower --record-from to see ` +
    "whether a lower threshold helps."
  );
}
