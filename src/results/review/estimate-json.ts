import type { ShareEstimate } from "./estimate-share.ts";
import type { TotalEstimate } from "./estimate-total.ts";
import type { CountEstimate, ReviewEstimate } from "./review-estimate.ts";

/** Describes what a sample says, as `orangery review --json` prints it: see docs/review.md. */
export function estimateToJson({ list, progress, all, classes }: ReviewEstimate) {
  const { id, seed, size, photos: drawnFrom, filter, madeAt, madeBy } = list;
  return {
    list: { id, seed, size, drawnFrom, filter, madeAt, madeBy, ...progress },
    isProvisional: progress.open > 0,
    all: countToJson(all),
    classes: classes.map((estimate) => ({ name: estimate.name!, ...countToJson(estimate) })),
  };
}

function countToJson({ predicted, sample, total, precision, recall }: CountEstimate) {
  return {
    predicted,
    sample,
    total: total && totalToJson(total),
    precision: precision && shareToJson(precision),
    recall: recall && shareToJson(recall),
  };
}

function totalToJson({ value, interval, method, wrongPhotos }: TotalEstimate) {
  const [low, high] = [interval?.low, interval?.high].map((end) => end && Number(end.toFixed(1)));
  return { value: Number(value.toFixed(1)), low, high, method, wrongPhotos };
}

function shareToJson({ value, low, high }: ShareEstimate) {
  const [rounded, ...ends] = [value, low, high].map((share) => Number(share.toFixed(4)));
  return { value: rounded, low: ends[0], high: ends[1] };
}
