import { printable } from "../../../base/printable.ts";
import { formatCount, formatPlural } from "../../../base/quantities.ts";
import {
  type CountPair,
  type PrecisionProof,
  percent,
  speedUp,
} from "../../../pipeline/precision/precision-proof.ts";
import { displayPath } from "../../options/caller-paths.ts";
import { formatTable } from "../../output/table.ts";

/** Formats a proof: both counts of all objects, of each class and of the photo that is off most. */
export function formatProof(proof: PrecisionProof): string {
  const { precision, device, calibratedOn, checkedOn } = proof;
  const { objects, classes, worst, msPerPhoto, totalChange } = proof;
  const counts = (title: string, { float32, tried }: CountPair, note: string) => [
    title,
    formatCount(float32),
    formatCount(tried),
    note,
  ];
  const change = `${totalChange > 0 ? "+" : ""}${percent(totalChange, 2)}`;
  const matched = `${percent(proof.matchedShare)} matched`;
  const rows = [
    counts("objects", objects, `${change}, ${matched}`),
    ...(classes.length > 1
      ? classes.map(({ name, ...pair }) => counts(`  ${printable(name)}`, pair, ""))
      : []),
    counts("worst photo", worst, displayPath(worst.photo)),
    [
      device === "cpu" ? "CPU ms a photo" : `ms a photo on ${device}`,
      msPerPhoto.float32.toFixed(1),
      msPerPhoto.tried.toFixed(1),
      `${speedUp(proof).toFixed(1)} times as fast`,
    ],
  ];
  const columns = [
    { title: "" },
    { title: "float32", align: "right" },
    { title: precision, align: "right" },
    { title: "" },
  ] as const;
  const overlaps = [
    ...(proof.maskIou === undefined ? [] : [`masks overlap by ${percent(proof.maskIou)}`]),
    ...(proof.regionIou === undefined ? [] : [`regions overlap by ${percent(proof.regionIou)}`]),
  ];
  const photos =
    calibratedOn > 0
      ? `Calibrated on ${formatPlural(calibratedOn, "photo")} and checked on ` +
        formatPlural(checkedOn, "other")
      : `Checked on ${formatPlural(checkedOn, "photo")}`;
  return `${[photos, ...overlaps].join("; ")}\n\n${formatTable(columns, rows)}`;
}

/** Formats a proof in one line: `312 objects against 313 of float32 on 16 photos, …`. */
export function summarizeProof(proof: PrecisionProof): string {
  const { objects, checkedOn, matchedShare } = proof;
  return (
    `${formatCount(objects.tried)} objects against ${formatCount(objects.float32)} in float32 on ` +
    `${formatPlural(checkedOn, "photo")}, ${percent(matchedShare)} matched, ` +
    `${speedUp(proof).toFixed(1)} times as fast`
  );
}
