import { printable } from "../../../base/printable.ts";
import { formatCount, formatPlural } from "../../../base/quantities.ts";
import type { ReviewList } from "../../../ledger/review/review-list.ts";
import type { QueueProgress } from "../../../ledger/review/review-queue.ts";
import {
  formatShareEstimate,
  formatTotalEstimate,
} from "../../../results/review/describe-estimate.ts";
import type { CountEstimate, ReviewEstimate } from "../../../results/review/review-estimate.ts";
import { formatTable } from "../../output/table.ts";

/** A list, and how far its review is. */
export interface ListWithProgress {
  readonly list: ReviewList;
  readonly progress: QueueProgress;
}

const right = "right" as const;

/** Formats lists as a table. */
export function formatLists(lists: readonly ListWithProgress[]): string {
  if (lists.length === 0) {
    return "There is no list of photos to review; --sample 200 draws one at random\n";
  }
  const columns = [
    { title: "List", align: right },
    { title: "Kind" },
    ...["Photos", "Reviewed", "Open", "Gone", "Of"].map((title) => ({ title, align: right })),
    { title: "Drawn" },
    { title: "By" },
  ];
  const rows = lists.map(({ list, progress }) => [
    String(list.id),
    list.kind + (list.seed === undefined ? "" : `, seed ${list.seed}`),
    ...[progress.photos, progress.reviewed, progress.open, progress.gone].map(formatCount),
    formatCount(list.photos),
    list.madeAt.slice(0, 16).replace("T", " "),
    printable(list.madeBy),
  ]);
  return formatTable(columns, rows);
}

/** Formats what a sample says, as a table and the sentences that belong to it. */
export function formatEstimate({ list, progress, all, classes }: ReviewEstimate): string {
  const reviewed = formatPlural(progress.reviewed, "reviewed photo");
  const head = `Estimate    from list ${list.id}, ${reviewed}`;
  if (all.total === undefined) {
    return `${head}; review some on the page of orangery dashboard\n`;
  }
  const columns = [
    { title: "Class" },
    ...["Predicted", "Corrected", "95 %", "Precision", "Recall"].map((title) => ({
      title,
      align: right,
    })),
  ];
  const row = ({ name, predicted, total, precision, recall }: CountEstimate) => [
    name === undefined ? "All" : printable(name),
    formatCount(predicted),
    formatCount(Math.round(total!.value)),
    formatTotalEstimate(total!),
    formatShareEstimate(precision),
    formatShareEstimate(recall),
  ];
  const rows = [...(classes.length === 1 ? [] : classes), all].map(row);
  const table = formatTable(columns, rows);
  return `${head} of ${formatCount(list.photos)}\n${table}${notesOn(progress)}`;
}

function notesOn({ open, gone }: QueueProgress): string {
  const notes = [
    ...(open > 0
      ? [
          `${formatPlural(open, "photo")} of the sample ${open === 1 ? "is" : "are"} open: ` +
            "the estimate is provisional",
        ]
      : []),
    ...(gone > 0
      ? [
          `${formatPlural(gone, "photo")} of the sample ${gone === 1 ? "is" : "are"} gone or ` +
            "changed: draw it again with the same seed",
        ]
      : []),
  ];
  return notes.map((note) => `${note}\n`).join("");
}
