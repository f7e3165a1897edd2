import { printable } from "../../../base/printable.ts";
import { formatCount } from "../../../base/quantities.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import type { ReviewList } from "../../../ledger/review/review-list.ts";
import { type QueuedPhoto, readQueuePage } from "../../../ledger/review/review-queue.ts";
import { displayPath } from "../../options/caller-paths.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatTable } from "../../output/table.ts";

const photosAtOnce = 1000;

interface PrintQueueOptions {
  readonly list: ReviewList;
  /** One line for each photo. */
  readonly json: boolean;
  readonly signal: AbortSignal;
}

/** Prints the photos of a list, page by page. */
export async function printQueue(
  output: StandardOutput,
  ledger: Ledger,
  { list, json, signal }: PrintQueueOptions,
): Promise<void> {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const options = { listId: list.id, after, limit: photosAtOnce, signal };
    const { photos, next } = await readQueuePage(ledger, options);
    if (json) {
      for (const { photoId: _, resultId: __, ...photo } of photos) {
        await output.writeJson({ type: "queued", list: list.id, ...photo });
      }
    } else if (photos.length > 0) {
      await output.write(formatTable(columns, photos.map(toCells)));
    }
    if (output.isClosed) return;
    after = next;
  }
}

const right = "right" as const;
const columns = [
  { title: "No", align: right },
  { title: "State" },
  { title: "Predicted", align: right },
  { title: "Corrected", align: right },
  { title: "Chosen by", align: right },
  { title: "Who" },
  { title: "Photo" },
];

function toCells(photo: QueuedPhoto): string[] {
  const { position, state, predictedCount, correctedCount, reason, source } = photo;
  const count = (value: number | undefined) => (value === undefined ? "-" : formatCount(value));
  const who = photo.reviewedBy ?? (photo.hold && `${photo.hold.by} looks at it`) ?? "-";
  return [
    String(position),
    state,
    count(predictedCount),
    count(correctedCount),
    reason === undefined ? "chance" : String(Number(reason.toPrecision(3))),
    printable(who),
    source === undefined ? "-" : printable(displayPath(source)),
  ];
}
