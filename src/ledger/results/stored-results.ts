import type { Kysely } from "kysely";
import { checkOptions, optionsOf, text } from "../../base/check-options.ts";
import type { Capture } from "../../vision/photo/capture/capture.ts";
import type { Ledger } from "../ledger.ts";
import { captureOf } from "../photos/capture-columns.ts";
import { reasonOf } from "../photos/entry-rows.ts";
import {
  checkSelection,
  duplicateOf,
  isPart,
  isSelected,
  type PhotoSelection,
} from "../photos/selection.ts";
import { requireAsRecorded } from "../recipe-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { countPacked } from "../scores/count-packed.ts";
import type { CountedScores, CountQuestion } from "../scores/count-question.ts";
import { type RecordedObjects, selectCounted } from "../scores/select-counted.ts";
import { checkEntriesOptions, type EntriesOptions, entryPages } from "./entry-pages.ts";
import {
  type FailedPhoto,
  type FailedPhotosOptions,
  readFirstFailedPhotos,
} from "./failed-photos.ts";
import { readCountedScores, readPackedScores } from "./read-counts.ts";
import { readManyCounts, readManyFindings, readManyUncounted } from "./read-findings.ts";
import type { Findings, PhotoResult } from "./result-rows.ts";

/** What was found on one photo. Photos of identical bytes share a result, and `id`. */
export interface StoredResult extends PhotoResult {
  readonly id: number;
  /** Of the photo: absolute path, or the key in another source. */
  readonly source: string;
  /** Of the photo's bytes, lower-case hex. */
  readonly contentSha256: string;
  readonly recipeHash: string;
  /** The first photo, of those selected, with the same bytes; undefined for that one itself. */
  readonly duplicateOf?: string | undefined;
  /** When, where and with what the photo was taken, as far as that is known. */
  readonly capture: Capture;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** Which results are read. */
export interface ReadResultsOptions extends EntriesOptions {
  /** Which of the recorded objects count: the others are left out. Default: as recipes count. */
  readonly question?: CountQuestion | undefined;
}

/** Results come with all their objects and masks. */
const resultsPerPage = 100;
const failuresPerPage = 1000;
/** Up to here it pays to sort them instead of going over all photos. */
const fewFailures = 10_000;

/**
 * Reads the results by photo, in the order of the bytes of their sources. They are read in pages,
 * so any number takes bounded memory. Results that are recorded meanwhile may be among them, always
 * whole.
 *
 * @throws `INVALID_ARGUMENT`, also for a question that what is recorded has no answer to
 */
export async function* readResults(
  ledger: Ledger,
  options: ReadResultsOptions = {},
): AsyncGenerator<StoredResult> {
  const { question, ...asked } = optionsOf("ReadResultsOptions", options);
  checkEntriesOptions("ReadResultsOptions", asked);
  const counted = question && (await readCountedScores(ledger, options));
  for await (const entries of entryPages(ledger, {
    ...asked,
    state: "done",
    photosPerPage: resultsPerPage,
  })) {
    const ids = [...new Set(entries.map(({ result_id }) => result_id!))];
    const { results, findings, counts, uncounted, packed } = await ledger.read(async (db) => ({
      results: await db
        .selectFrom("result")
        .innerJoin("placement", "placement.id", "result.placement_id")
        .selectAll("result")
        .select(["placement.device", "placement.fallback_reason"])
        .where("result.id", "in", ids)
        .execute(),
      findings: await readManyFindings(db, ids),
      counts: await readManyCounts(db, ids),
      uncounted: counted && (await readManyUncounted(db, ids)),
      packed: counted && (await readPackedScores(db, ids)),
    }));
    const resultById = new Map(results.map((result) => [result.id, result]));
    for (const { source, hash: recipeHash, result_id, duplicate_of, ...row } of entries) {
      const result = resultById.get(result_id!)!;
      if (options.countDuplicatesOnce && duplicate_of !== null) continue;
      yield {
        id: result.id,
        source,
        contentSha256: result.content_sha256,
        duplicateOf: duplicate_of ?? undefined,
        capture: captureOf(row),
        recipeHash,
        createdAt: result.created_at,
        widthPx: result.width_px,
        heightPx: result.height_px,
        device: result.device,
        fallbackReason: result.fallback_reason === "" ? undefined : result.fallback_reason,
        timingsMs: JSON.parse(result.timings_ms),
        sliceCount: result.slice_count,
        warnings: JSON.parse(result.warnings),
        ...(packed === undefined
          ? { ...findings.get(result.id)!, counts: counts.get(result.id) ?? [] }
          : countFindings(findings.get(result.id)!, {
              uncounted: uncounted?.get(result.id),
              packed: packed.get(result.id)!,
              counted: counted!.get(recipeHash)!,
            })),
      };
    }
  }
}

interface CountFindingsOptions extends Pick<RecordedObjects, "uncounted" | "packed"> {
  readonly counted: CountedScores;
}

/** Selects and counts what counts of the objects of a photo. */
function countFindings(
  { regions, ...objects }: Findings,
  { counted, packed, uncounted }: CountFindingsOptions,
): Findings & Pick<StoredResult, "counts"> {
  const { counts } = countPacked(packed, { counted, regionCount: regions?.length });
  return { ...selectCounted({ ...objects, uncounted, packed }, counted), regions, counts };
}

/**
 * Reads the photos without a result, in the same order, in pages.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function* readFailures(
  ledger: Ledger,
  options: FailedPhotosOptions = {},
): AsyncGenerator<FailedPhoto> {
  const { code, ...asked } = optionsOf("FailedPhotosOptions", options);
  checkEntriesOptions("FailedPhotosOptions", asked);
  checkOptions({ code }, text("an error code"));
  const few = await readFirstFailedPhotos(ledger, { ...options, limit: fewFailures + 1 });
  if (few.length <= fewFailures) {
    yield* few;
    return;
  }
  for await (const entries of entryPages(ledger, {
    ...asked,
    state: "failed",
    photosPerPage: failuresPerPage,
  })) {
    for (const { source, hash: recipeHash, ...row } of entries) {
      const reason = reasonOf(row)!;
      if (code !== undefined && reason.code !== code) continue;
      yield { source, recipeHash, reason, capture: captureOf(row) };
    }
  }
}

/** A recipe, and how many photos are in which state under it. */
export interface StoredRecipe {
  readonly hash: string;
  /** For people; undefined where none was given. */
  readonly name?: string | undefined;
  /** Canonical JSON: the models by their SHA-256, and the parameters. */
  readonly json: string;
  /** SHA-256 of each model, by what it is used for: `detect`, `segment`. */
  readonly models: { readonly [role: string]: string };
  readonly done: number;
  readonly failed: number;
  /** Waiting, or leased by a run. */
  readonly left: number;
  /** On all photos that are done. */
  readonly objectCount: number;
  /** ISO 8601, of the first and the last result; undefined where there is none. */
  readonly firstResultAt: string | undefined;
  readonly lastResultAt: string | undefined;
}

/**
 * Reads the recipes in the order in which they were first used, with the totals of a selection.
 *
 * @throws `INVALID_ARGUMENT`
 */
export async function readRecipes(
  ledger: Ledger,
  selection: PhotoSelection = {},
): Promise<StoredRecipe[]> {
  checkSelection("PhotoSelection", selection);
  const rows = await ledger.read((db) =>
    db
      .selectFrom("recipe")
      .leftJoin(selectEntries(db, selection).as("entry"), "entry.recipe_id", "recipe.id")
      .leftJoin("result", "result.id", "entry.result_id")
      .select(["recipe.id", "recipe.hash", "recipe.name", "recipe.recipe", "entry.state"])
      .select(({ fn }) => [
        fn.count<number>("entry.id").as("photos"),
        fn.sum<number | null>("result.object_count").as("objects"),
        fn.min("result.created_at").as("first"),
        fn.max("result.created_at").as("last"),
      ])
      .groupBy(["recipe.id", "recipe.hash", "recipe.name", "recipe.recipe", "entry.state"])
      .orderBy("recipe.id")
      .execute(),
  );
  return [...Map.groupBy(rows, ({ hash }) => hash)].map(([hash, states]): StoredRecipe => {
    const photosIn = (state: string) => states.find((row) => row.state === state)?.photos ?? 0;
    const done = states.find(({ state }) => state === "done");
    const json = states[0]!.recipe;
    requireAsRecorded(ledger, { hash, json });
    return {
      hash,
      name: states[0]!.name ?? undefined,
      json,
      models: modelsOf(json),
      done: photosIn("done"),
      failed: photosIn("failed"),
      left: photosIn("waiting") + photosIn("leased"),
      objectCount: done?.objects ?? 0,
      firstResultAt: done?.first ?? undefined,
      lastResultAt: done?.last ?? undefined,
    };
  });
}

function selectEntries(db: Kysely<LedgerTables>, selection: PhotoSelection) {
  const { countDuplicatesOnce = false } = selection;
  const columns = ["entry.id", "entry.recipe_id", "entry.result_id", "entry.state"] as const;
  return (
    db
      .selectFrom("entry")
      // A left join costs nothing where no column of it is used.
      .leftJoin("photo", "photo.id", "entry.photo_id")
      .select(columns)
      .$if(isPart(selection), (query) => query.where(isSelected(selection)))
      .$if(countDuplicatesOnce, (query) => query.where(duplicateOf(selection), "is", null))
  );
}

function modelsOf(recipeJson: string): { [role: string]: string } {
  const recipe: { [key: string]: { sha256?: string } | null } = JSON.parse(recipeJson);
  return Object.fromEntries(
    Object.entries(recipe).flatMap(([role, use]) =>
      typeof use?.sha256 === "string" ? [[role, use.sha256]] : [],
    ),
  );
}
