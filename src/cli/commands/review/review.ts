import { OrangeryError } from "../../../errors.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { drawReviewList } from "../../../ledger/review/draw-list.ts";
import {
  type ReviewList,
  type ReviewListKind,
  readReviewList,
  readReviewLists,
} from "../../../ledger/review/review-list.ts";
import { readQueueProgress } from "../../../ledger/review/review-queue.ts";
import { estimateToJson } from "../../../results/review/estimate-json.ts";
import { readReviewEstimate } from "../../../results/review/review-estimate.ts";
import { readSelection, type SelectionArguments } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible, whileReading } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { openResultsToManage } from "../management/open-results.ts";
import { callerActor } from "../management/person-option.ts";
import { printQueue } from "./print-queue.ts";
import { formatEstimate, formatLists, type ListWithProgress } from "./review-tables.ts";

export interface ReviewArguments extends SelectionArguments {
  readonly sample?: number;
  readonly seed?: number;
  readonly threshold?: number;
  readonly outliers?: number;
  readonly warnings?: number;
  readonly list?: number;
  readonly name?: string;
  readonly by?: string;
  readonly json?: boolean;
}

const kinds = ["sample", "threshold", "outliers", "warnings"] as const;

/** Runs `orangery review`; resolves to the exit status. */
export async function review(
  output: StandardOutput,
  results: string,
  options: ReviewArguments,
): Promise<number> {
  const drawn = readKind(options);
  return await interruptible(async ({ stop: signal }) => {
    const { recipe: wanted, list: listId } = options;
    const opening = { results, recipe: wanted };
    await using opened = await openResultsToManage(opening, { readOnly: drawn === undefined });
    const { ledger, recipe } = opened;
    if (listId !== undefined) {
      const list = await readReviewList(ledger, listId, { signal });
      if (list === undefined) throw noList(listId);
      await printQueue(output, ledger, { list, json: options.json ?? false, signal });
      return exitStatus.ok;
    }
    const { id: recipeId, hash, name } = recipe;
    const list = drawn && (await draw(ledger, { ...options, ...drawn, recipeId, signal }));
    const lists = list === undefined ? await readReviewLists(ledger, { recipeId, signal }) : [list];
    const shown: ListWithProgress[] = [];
    for (const each of lists) {
      shown.push({ list: each, progress: await readQueueProgress(ledger, each.id, { signal }) });
    }
    const sample = lists.find(({ kind }) => kind === "sample");
    const estimate = sample && (await readReviewEstimate(ledger, sample, { signal }));
    if (options.json) {
      await output.writeJson({
        type: "review",
        recipe: { name, hash },
        lists: shown.map(({ list: { predicted: _, recipeId: __, photos, ...each }, progress }) => ({
          ...each,
          drawnFrom: photos,
          ...progress,
        })),
        estimate: estimate && estimateToJson(estimate),
      });
      return exitStatus.ok;
    }
    await output.write(formatLists(shown));
    if (estimate !== undefined) await output.write(`\n${formatEstimate(estimate)}`);
    return exitStatus.ok;
  }, whileReading);
}

interface Drawn {
  readonly kind: ReviewListKind;
  readonly size: number;
}

function readKind(options: ReviewArguments): Drawn | undefined {
  const { seed, sample, list } = options;
  const given = kinds.filter((kind) => options[kind] !== undefined);
  const flags = [...given.map((kind) => `--${kind}`), ...(list === undefined ? [] : ["--list"])];
  if (flags.length > 1) throw invalid(`one of ${flags.join(" and ")}, got both`);
  if (seed !== undefined && sample === undefined)
    throw invalid("--seed with --sample, got it alone");
  const [kind] = given;
  return kind && { kind, size: options[kind]! };
}

async function draw(
  ledger: Ledger,
  options: ReviewArguments & Drawn & { readonly recipeId: number; readonly signal: AbortSignal },
): Promise<ReviewList> {
  const { recipeId, kind, size, seed, name: nameContains, signal } = options;
  const filter = { ...readSelection(options), nameContains };
  const { person: by } = callerActor(options.by);
  return await drawReviewList(ledger, { recipeId, kind, size, seed, filter, by, signal });
}

function invalid(what: string): OrangeryError {
  return new OrangeryError("INVALID_ARGUMENT", `Expected ${what}.`);
}

function noList(listId: number): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected the number of a list, got ${listId}. orangery review lists them.`,
    { details: { list: listId } },
  );
}
