import type { Ledger } from "../../ledger/ledger.ts";
import type { ReviewList } from "../../ledger/review/review-list.ts";
import { readReviewEstimate } from "../../results/review/review-estimate.ts";
import { Refusal } from "../server/answers.ts";

/** What a reviewed sample says of all photos: as it is read, and what of it is open. */
export async function viewEstimate(ledger: Ledger, list: ReviewList): Promise<object> {
  const estimate = await readReviewEstimate(ledger, list);
  if (estimate === undefined) {
    throw new Refusal(404, "Only a random list says something about all photos.");
  }
  const { progress, all, classes } = estimate;
  return { photos: list.photos, progress, all, classes };
}
