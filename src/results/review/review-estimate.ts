import { readRecipeChoices } from "../../ledger/browse/progress.ts";
import type { AccessOptions, Ledger } from "../../ledger/ledger.ts";
import { readReviewedPhotos, type SampledCount } from "../../ledger/review/counts/read-sample.ts";
import { type ReviewList, readReviewLists } from "../../ledger/review/review-list.ts";
import { type QueueProgress, readQueueProgress } from "../../ledger/review/review-queue.ts";
import { estimateShare, type ShareEstimate } from "./estimate-share.ts";
import { estimateTotal, type TotalEstimate } from "./estimate-total.ts";

/** What a reviewed sample says about the objects of a class, or of all together. */
export interface CountEstimate {
  /** Undefined for all classes together. */
  readonly name: string | undefined;
  /** On all photos that the sample was drawn from, without people. */
  readonly predicted: number;
  /** On the photos of the sample that are reviewed. */
  readonly sample: {
    readonly predicted: number;
    /** Predicted ones that are right. */
    readonly confirmed: number;
    /** Those that are there. */
    readonly count: number;
  };
  /** On all photos that the sample was drawn from; undefined before any is reviewed. */
  readonly total: TotalEstimate | undefined;
  /** Which share of the objects that were counted is right; undefined where none was counted. */
  readonly precision: ShareEstimate | undefined;
  /** Which share of the objects that are there was counted; undefined where there is none. */
  readonly recall: ShareEstimate | undefined;
}

/** How far the review of a sample is, and what it says. */
export interface ReviewEstimate {
  readonly list: ReviewList;
  readonly progress: QueueProgress;
  readonly all: CountEstimate;
  /** By name. An object of a wrong class is a false one of that class, and missed of its own. */
  readonly classes: readonly CountEstimate[];
}

/**
 * Estimates from the reviewed photos of a sample what is on all photos that it was drawn from.
 *
 * While photos of the sample are still open, the reviewed ones stand for all only where those were
 * not left out for what is on them.
 *
 * @returns undefined for a list that is no random sample
 */
export async function readReviewEstimate(
  ledger: Ledger,
  list: ReviewList,
  access: AccessOptions = {},
): Promise<ReviewEstimate | undefined> {
  if (list.kind !== "sample") return undefined;
  const progress = await readQueueProgress(ledger, list.id, access);
  const photos = await readReviewedPhotos(ledger, list.id, access);
  const names = new Set([
    ...list.predicted.keys(),
    ...photos.flatMap((counts) => counts.map(({ name }) => name)),
  ]);
  const classes = [...names].sort().map((name) => estimateClass(list, photos, name));
  return { list, progress, all: estimateClass(list, photos, undefined), classes };
}

/** Reads the newest sample of a recipe, and what it says; undefined where there is none. */
export async function readLatestEstimate(
  ledger: Ledger,
  { recipeId, signal }: AccessOptions & { readonly recipeId: number },
): Promise<ReviewEstimate | undefined> {
  const lists = await readReviewLists(ledger, { recipeId, signal });
  const newest = lists.find(({ kind }) => kind === "sample");
  return newest && (await readReviewEstimate(ledger, newest, { signal }));
}

/** The same of a recipe that is known by its hash. */
export async function readEstimateOfRecipe(
  ledger: Ledger,
  { recipeHash, signal }: AccessOptions & { readonly recipeHash: string },
): Promise<ReviewEstimate | undefined> {
  const { recipes } = await readRecipeChoices(ledger, { signal });
  const recipe = recipes.find(({ hash }) => hash === recipeHash);
  return recipe && (await readLatestEstimate(ledger, { recipeId: recipe.id, signal }));
}

function estimateClass(
  list: ReviewList,
  photos: readonly (readonly SampledCount[])[],
  name: string | undefined,
): CountEstimate {
  const of = (kind: "predicted" | "confirmed" | "count") =>
    Float64Array.from(photos, (counts) => {
      const ours = counts.filter((count) => name === undefined || count.name === name);
      return ours.reduce((sum, count) => sum + count[kind], 0);
    });
  const [predicted, confirmed, count] = [of("predicted"), of("confirmed"), of("count")];
  const predictedTotal =
    name === undefined
      ? list.predicted.values().reduce((sum, value) => sum + value, 0)
      : (list.predicted.get(name) ?? 0);
  const sampled = { photos: list.photos, having: confirmed };
  return {
    name,
    predicted: predictedTotal,
    sample: { predicted: total(predicted), confirmed: total(confirmed), count: total(count) },
    total:
      photos.length === 0
        ? undefined
        : estimateTotal({
            ...{ predicted, corrected: count, photos: list.photos, predictedTotal },
            seed: list.seed ?? 0,
          }),
    precision: estimateShare({ all: predicted, ...sampled }),
    recall: estimateShare({ all: count, ...sampled }),
  };
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}
