import type { Ledger } from "../ledger.ts";
import { readManyCounts, readManyFindings } from "./read-findings.ts";
import type { PhotoResult } from "./result-rows.ts";

/** What was found on one photo. Photos of identical bytes share a result, and `id`. */
export interface StoredResult extends PhotoResult {
  readonly id: number;
  /** Of the photo: absolute path, or the key in another source. */
  readonly source: string;
  /** Of the photo's bytes, lower-case hex. */
  readonly contentSha256: string;
  readonly recipeHash: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
}

/** A photo without a result. */
export interface FailedPhoto {
  readonly source: string;
  readonly recipeHash: string;
  readonly reason: { readonly code: string; readonly message: string };
}

export interface ReadResultsOptions {
  /** Only of this recipe; default all, one after the other for each photo. */
  readonly recipeHash?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Each with all its objects and masks. */
const resultsPerPage = 100;
const failuresPerPage = 1000;

/**
 * The results by photo, in the order of their sources' bytes. Read in pages, so that any number takes
 * bounded memory; what is recorded meanwhile may be among them or not, always whole.
 */
export async function* readResults(
  ledger: Ledger,
  options: ReadResultsOptions = {},
): AsyncGenerator<StoredResult> {
  for await (const jobs of jobPages(ledger, {
    ...options,
    state: "done",
    photosPerPage: resultsPerPage,
  })) {
    const ids = [...new Set(jobs.map(({ result_id }) => result_id!))];
    const { results, findings, counts } = await ledger.read(async (db) => ({
      results: await db
        .selectFrom("result")
        .innerJoin("placement", "placement.id", "result.placement_id")
        .selectAll("result")
        .select(["placement.device", "placement.fallback_reason"])
        .where("result.id", "in", ids)
        .execute(),
      findings: await readManyFindings(db, ids),
      counts: await readManyCounts(db, ids),
    }));
    const resultById = new Map(results.map((result) => [result.id, result]));
    for (const { source, hash: recipeHash, result_id } of jobs) {
      const result = resultById.get(result_id!)!;
      yield {
        id: result.id,
        source,
        contentSha256: result.content_sha256,
        recipeHash,
        createdAt: result.created_at,
        widthPx: result.width_px,
        heightPx: result.height_px,
        device: result.device,
        fallbackReason: result.fallback_reason === "" ? undefined : result.fallback_reason,
        timingsMs: JSON.parse(result.timings_ms),
        sliceCount: result.slice_count,
        ...findings.get(result.id)!,
        counts: counts.get(result.id) ?? [],
      };
    }
  }
}

/** The photos without a result, in the order of their sources' bytes; read in pages. */
export async function* readFailures(
  ledger: Ledger,
  options: ReadResultsOptions = {},
): AsyncGenerator<FailedPhoto> {
  for await (const jobs of jobPages(ledger, {
    ...options,
    state: "set-aside",
    photosPerPage: failuresPerPage,
  })) {
    for (const { source, hash, reason_code, reason_message } of jobs) {
      const reason = { code: reason_code ?? "", message: reason_message ?? "" };
      yield { source, recipeHash: hash, reason };
    }
  }
}

interface JobPagesOptions extends ReadResultsOptions {
  readonly state: "done" | "set-aside";
  readonly photosPerPage: number;
}

/**
 * First the photos, then their jobs: asked for both at once, the databases prefer to sort all jobs
 * anew for each page.
 */
async function* jobPages(
  ledger: Ledger,
  { state, photosPerPage, recipeHash, signal }: JobPagesOptions,
) {
  for (let after = ""; ; ) {
    signal?.throwIfAborted();
    const photos = await ledger.read((db) =>
      db
        .selectFrom("photo")
        .select(["id", "source"])
        .where("source", ">", after)
        .orderBy("source")
        .limit(photosPerPage)
        .execute(),
    );
    if (photos.length === 0) return;
    const sources = new Map(photos.map(({ id, source }) => [id, source]));
    const jobs = await ledger.read((db) =>
      db
        .selectFrom("job")
        .innerJoin("recipe", "recipe.id", "job.recipe_id")
        .select([
          "job.photo_id",
          "job.result_id",
          "job.reason_code",
          "job.reason_message",
          "recipe.hash",
        ])
        .where("job.photo_id", "in", [...sources.keys()])
        .where("job.state", "=", state)
        .$if(recipeHash !== undefined, (query) => query.where("recipe.hash", "=", recipeHash!))
        .orderBy("job.recipe_id")
        .execute(),
    );
    const jobsByPhoto = Map.groupBy(jobs, ({ photo_id }) => photo_id);
    const page = [...sources].flatMap(([id, source]) =>
      (jobsByPhoto.get(id) ?? []).map((job) => ({ source, ...job })),
    );
    if (page.length > 0) yield page;
    if (photos.length < photosPerPage) return;
    after = photos.at(-1)!.source;
  }
}

/** A recipe and what there is of it. */
export interface StoredRecipe {
  readonly hash: string;
  /** Canonical JSON: the models by their SHA-256, and the parameters. */
  readonly json: string;
  /** SHA-256 of each model, by what it is used for: `detect`, `segment`. */
  readonly models: { readonly [role: string]: string };
  readonly done: number;
  readonly setAside: number;
  /** Waiting or in the hands of a run. */
  readonly left: number;
  /** On all photos that are done. */
  readonly objectCount: number;
  /** ISO 8601, of the first and the last result; undefined where there is none. */
  readonly firstResultAt: string | undefined;
  readonly lastResultAt: string | undefined;
}

/** The recipes in the order in which they were first used. */
export async function readRecipes(ledger: Ledger): Promise<StoredRecipe[]> {
  const rows = await ledger.read((db) =>
    db
      .selectFrom("recipe")
      .leftJoin("job", "job.recipe_id", "recipe.id")
      .leftJoin("result", "result.id", "job.result_id")
      .select(["recipe.id", "recipe.hash", "recipe.recipe", "job.state"])
      .select(({ fn }) => [
        fn.count<number>("job.id").as("photos"),
        fn.sum<number | null>("result.object_count").as("objects"),
        fn.min("result.created_at").as("first"),
        fn.max("result.created_at").as("last"),
      ])
      .groupBy(["recipe.id", "recipe.hash", "recipe.recipe", "job.state"])
      .orderBy("recipe.id")
      .execute(),
  );
  return [...Map.groupBy(rows, ({ hash }) => hash)].map(([hash, states]): StoredRecipe => {
    const photosIn = (state: string) => states.find((row) => row.state === state)?.photos ?? 0;
    const done = states.find(({ state }) => state === "done");
    const json = states[0]!.recipe;
    return {
      hash,
      json,
      models: modelsOf(json),
      done: photosIn("done"),
      setAside: photosIn("set-aside"),
      left: photosIn("waiting") + photosIn("leased"),
      objectCount: done?.objects ?? 0,
      firstResultAt: done?.first ?? undefined,
      lastResultAt: done?.last ?? undefined,
    };
  });
}

function modelsOf(recipeJson: string): { [role: string]: string } {
  const recipe: { [key: string]: { sha256?: string } | null } = JSON.parse(recipeJson);
  return Object.fromEntries(
    Object.entries(recipe).flatMap(([role, use]) =>
      typeof use?.sha256 === "string" ? [[role, use.sha256]] : [],
    ),
  );
}
