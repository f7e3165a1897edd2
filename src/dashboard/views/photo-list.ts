import type { EntryFilter } from "../../ledger/browse/entry-filter.ts";
import type { PhotoOrder } from "../../ledger/browse/photo-page.ts";
import { readPhotoPage } from "../../ledger/browse/photo-pages.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { momentOf } from "../../ledger/photos/moment.ts";
import type { EntryState } from "../../ledger/schema/tables.ts";
import { Refusal } from "../server/answers.ts";
import { photoRow } from "./photo-row.ts";

/** A page of the table; few enough that their pictures come at once. */
const photosPerPage = 60;
/** A page with fewer photos comes first, and is continued. */
const budgetMs = 250;

const orders: readonly string[] = [
  "name",
  "newest",
  "most",
  "fewest",
  "surest",
  "unsurest",
] satisfies PhotoOrder[];
const states: readonly string[] = [
  "waiting",
  "leased",
  "done",
  "failed",
  "excluded",
] satisfies EntryState[];

const warnings: readonly string[] = [
  "any",
  "nearly-black",
  "nearly-white",
  "no-contrast",
  "network-limit",
] satisfies EntryFilter["warning"][];
/** How the keys of pages look; names are any text. */
const resultKey = /^\d{1,15}(?:\.\d{1,15})?$/;
const rankedKey = /^\d{1,9}(?:\.\d{1,24})?(?:e-\d{1,2})?_\d{1,16}_\d{1,16}$/;

export interface PhotoListOptions {
  readonly recipeId: number;
  readonly query: URLSearchParams;
  readonly signal: AbortSignal;
}

/** What the screen Photos shows: a page of photos, and where the next one begins. */
export async function viewPhotoList(
  ledger: Ledger,
  { recipeId, query, signal }: PhotoListOptions,
): Promise<object> {
  const order = oneOf(query, "order", orders) as PhotoOrder | undefined;
  const filter = readFilter(query);
  const after = text(query, "after");
  const key = order === "newest" ? resultKey : rankedKey;
  if (after !== undefined && order !== undefined && order !== "name" && !key.test(after)) {
    throw new Refusal(400, "Expected the key of a page.");
  }
  const { photos, next } = await readPhotoPage(ledger, {
    recipeId,
    filter,
    order,
    after,
    limit: photosPerPage,
    budgetMs,
    signal,
  });
  return { photos: photos.map(photoRow), next };
}

/** @throws `Refusal` for what is no filter */
export function readFilter(query: URLSearchParams): EntryFilter {
  return {
    nameContains: text(query, "name"),
    under: text(query, "under"),
    takenAfter: moment(query, "takenAfter"),
    takenBefore: moment(query, "takenBefore"),
    state: oneOf(query, "state", states) as EntryState | undefined,
    code: text(query, "code"),
    className: text(query, "class"),
    minCount: count(query, "minCount"),
    maxCount: count(query, "maxCount"),
    minScore: score(query, "minScore"),
    maxScore: score(query, "maxScore"),
    device: text(query, "device"),
    warning: oneOf(query, "warning", warnings) as EntryFilter["warning"],
  };
}

function text(query: URLSearchParams, name: string): string | undefined {
  const value = query.get(name) || undefined;
  // PostgreSQL has no such texts, so nothing can fit.
  if (value?.includes("\0")) throw new Refusal(400, `Expected ${name} without a character 0.`);
  return value;
}

function oneOf(query: URLSearchParams, name: string, of: readonly string[]): string | undefined {
  const value = text(query, name);
  if (value === undefined || of.includes(value)) return value;
  throw new Refusal(400, `Expected ${name} to be one of ${of.join(", ")}.`);
}

/** As fields of numbers hold them, without a sign, in the range of all databases. */
const isNumber = /^(?:\d{1,9}\.?\d{0,9}|\.\d{1,9})(?:e[+-]?\d)?$/i;
const mostCount = 999_999_999;

function count(query: URLSearchParams, name: string): number | undefined {
  const value = text(query, name);
  if (value === undefined) return undefined;
  const number = isNumber.test(value) ? Number(value) : Number.NaN;
  if (Number.isInteger(number) && number <= mostCount) return number;
  throw new Refusal(400, `Expected ${name} to be a whole number.`);
}

function score(query: URLSearchParams, name: string): number | undefined {
  const value = text(query, name);
  if (value === undefined) return undefined;
  if (isNumber.test(value) && Number(value) <= 1) return Number(value);
  throw new Refusal(400, `Expected ${name} to be a number from 0 to 1.`);
}

function moment(query: URLSearchParams, name: string): string | undefined {
  const value = text(query, name);
  try {
    return value && momentOf(value);
  } catch (cause) {
    throw new Refusal(400, (cause as Error).message);
  }
}
