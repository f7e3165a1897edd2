import { isOrangeryError } from "../../errors.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { correctPhoto } from "../../ledger/review/correct-photo.ts";
import { drawReviewList } from "../../ledger/review/draw-list.ts";
import { holdPhoto, releaseHolds } from "../../ledger/review/holds.ts";
import { type ReviewedPhoto, readPhotoReview } from "../../ledger/review/read-review.ts";
import { type ReviewList, readReviewList } from "../../ledger/review/review-list.ts";
import { takeNextPhoto } from "../../ledger/review/review-queue.ts";
import { Refusal } from "../server/answers.ts";
import { parseCorrections } from "./parse-corrections.ts";
import { viewEstimate } from "./view-estimate.ts";
import { viewList, viewLists, viewQueued, viewQueuePage } from "./view-lists.ts";
import { viewReview } from "./view-review.ts";

/** What is asked of the review: the parts of the path after `/api/review`. */
export interface ReviewQuestion {
  readonly parts: readonly string[];
  readonly recipeId: number;
  readonly query: URLSearchParams;
}

export interface ReviewChange extends Omit<ReviewQuestion, "query"> {
  readonly body: Readonly<Record<string, unknown>>;
  /** Ends when the client has gone. */
  readonly signal: AbortSignal;
}

/** Answers what the review screens ask. @throws `Refusal`, `LEDGER_*`, `INVALID_ARGUMENT` */
export async function answerReview(
  ledger: Ledger,
  { parts, recipeId, query }: ReviewQuestion,
): Promise<object> {
  const [area = "", id = "", part] = parts;
  if (area === "") {
    const listId = Number(query.get("list") ?? undefined);
    return await viewLists(ledger, { recipeId, listId });
  }
  if (area === "lists" && part === "estimate") {
    return await viewEstimate(ledger, await listOf(ledger, { recipeId, id }));
  }
  if (area === "lists" && part === "photos") {
    const list = await listOf(ledger, { recipeId, id });
    const limit = query.has("limit") && { limit: Math.min(60, numberOf(query.get("limit")) || 1) };
    return await viewQueuePage(ledger, list, {
      after: numberOf(query.get("after") ?? "0"),
      isOpenOnly: query.has("open"),
      ...limit,
    });
  }
  if (id !== "") throw new Refusal(404, "There is nothing here.");
  const review = await readReviewed(ledger, { recipeId, photoId: numberOf(area) });
  return { identity: await ledger.identity(), ...viewReview(review) };
}

/** Records what a person did. @throws as {@link answerReview} */
export async function changeReview(ledger: Ledger, change: ReviewChange): Promise<object> {
  const { parts, recipeId, body, signal } = change;
  const [area = "", id = "", part] = parts;
  const by = textOf(body, "by");
  if (area === "lists" && id === "") {
    const kind = textOf(body, "kind") as ReviewList["kind"];
    const token = textOf(body, "token");
    const size = body.size === undefined ? undefined : wholeOf(body, "size");
    const list = await drawReviewList(ledger, { recipeId, kind, size, by, token, signal });
    return viewList(list);
  }
  if (area === "lists" && part === "next") {
    const list = await listOf(ledger, { recipeId, id });
    const after = wholeOf(body, "after");
    const session = textOf(body, "session");
    const next = await takeNextPhoto(ledger, { listId: list.id, after, by, session });
    return { photo: next && viewQueued(next) };
  }
  const photo = { recipeId, photoId: numberOf(area) };
  if (id === "hold") {
    const session = textOf(body, "session");
    const { isTaken, hold } = await holdPhoto(ledger, { ...photo, by, session });
    const { version } = await readReviewed(ledger, photo);
    return { version, heldBy: isTaken ? undefined : hold.by };
  }
  const { resultId } = await readReviewed(ledger, photo);
  if (id === "release") {
    await releaseHolds(ledger, { session: textOf(body, "session"), resultId });
    return {};
  }
  if (id !== "") throw new Refusal(404, "There is nothing here.");
  if (body.resultId !== resultId) {
    throw new Refusal(410, "The photo was counted again meanwhile. Load this page again.");
  }
  return await correct(ledger, { ...photo, by, body });
}

async function correct(
  ledger: Ledger,
  { by, body, ...photo }: ReviewedPhoto & { readonly by: string } & Pick<ReviewChange, "body">,
): Promise<object> {
  const version = wholeOf(body, "version");
  const corrections = parseCorrections(body.corrections);
  try {
    const review = await correctPhoto(ledger, { ...photo, version, by, corrections });
    return { review: viewReview(review) };
  } catch (error) {
    if (!isOrangeryError(error, "REVIEW_CONFLICT")) throw error;
    // No error to a browser, which would log one: the page shows what the others did, and goes on.
    const review = viewReview(await readPhotoReview(ledger, photo));
    return { conflict: error.message, review };
  }
}

async function readReviewed(ledger: Ledger, photo: ReviewedPhoto) {
  try {
    return await readPhotoReview(ledger, photo);
  } catch (error) {
    if (!isOrangeryError(error, "INVALID_ARGUMENT")) throw error;
    throw new Refusal(404, "This photo has no result to review.");
  }
}

async function listOf(
  ledger: Ledger,
  { recipeId, id }: { readonly recipeId: number; readonly id: string },
): Promise<ReviewList> {
  const list = await readReviewList(ledger, numberOf(id));
  if (list === undefined || list.recipeId !== recipeId) {
    throw new Refusal(404, "There is no such list.");
  }
  return list;
}

function numberOf(text: string | null): number {
  if (/^\d{1,15}$/.test(text ?? "")) return Number(text);
  throw new Refusal(404, "There is nothing with this number.");
}

function wholeOf(body: Readonly<Record<string, unknown>>, name: string): number {
  const value = body[name];
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new Refusal(400, `Expected ${name} to be a whole number.`);
}

function textOf(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name];
  if (typeof value === "string" && value !== "" && value.length <= 200) return value;
  throw new Refusal(400, `Expected ${name} to be a text.`);
}
