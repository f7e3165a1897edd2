import { setFlagsFromString } from "node:v8";
import { formatCount, formatPlural } from "../../../base/quantities.ts";
import { type EnqueueCounts, enqueuePhotos } from "../../../fleet/count/enqueue-photos.ts";
import { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { readSavedRecipes } from "../../../ledger/recipe-rows.ts";
import { ResultStore } from "../../../ledger/results/result-store.ts";
import { LeftOut } from "../../../pipeline/photos/left-out.ts";
import { PhotoFilter } from "../../../pipeline/photos/photo-filter.ts";
import { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import { settleOnPhotos } from "../../../pipeline/precision/settle-on-photos.ts";
import {
  type CountOptions,
  type CountRecipe,
  countRecipe,
  recipeOf,
} from "../../../pipeline/recipe/count-recipe.ts";
import { photoFromCaller } from "../../options/caller-paths.ts";
import type { PrecisionArguments } from "../../options/detection-options.ts";
import { openPhotoList } from "../../options/photo-list-argument.ts";
import type { PhotoArguments } from "../../options/photo-options.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { defaultResults, resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import { formatLeftOut } from "../../output/left-out-lines.ts";
import { notePrecision, noteTrial } from "../../output/precision-notes.ts";
import {
  noteEmptyFolders,
  noteServerProblem,
  noteUnreadableFolders,
} from "../../output/problem-notes.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

export interface EnqueueArguments extends QueueArguments, PhotoArguments, PrecisionArguments {
  readonly count: CountOptions;
  /** Of a recipe's file, so that no model needs to be here. Default: made of the models' files. */
  readonly given?: CountRecipe | undefined;
  readonly results?: string;
  readonly retry?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Runs `orangery enqueue`; resolves to the exit status. */
export async function enqueue(
  output: StandardOutput,
  photos: readonly string[],
  options: EnqueueArguments,
): Promise<number> {
  const { count, precision = "float32", retry, json, quiet } = options;
  // V8 would give short-lived objects 100 MB for no benefit: the time is spent on the server.
  setFlagsFromString("--semi-space-growth-factor=1");
  using progress = new ProgressDisplay({ quiet });
  const asked = options.given ? { ...options.given, count } : await countRecipe(count);
  await using queues = await FleetQueues.open({
    connection: options.queueUrl,
    queue: options.queue,
    isMade: true,
    onTrouble: noteServerProblem(progress),
  });
  const claimed = await queues.base.within(queues.catalogue.results());
  const results = resultsFromCaller(options.results ?? claimed?.location ?? defaultResults);
  // Without jobs and workers it takes others.
  if (!(await queues.base.within(queues.isUnused()))) await queues.requireResults(results);
  await using ledger = await openLedger(results, { onTrouble: noteServerProblem(progress) });
  using reader = new PhotoReader();
  const filter = new PhotoFilter(options);
  const leftOut = new LeftOut();
  const unreadable: string[] = [];
  const empty: string[] = [];
  return await interruptible(
    async ({ stop: signal }) => {
      const paths = photos.map(photoFromCaller);
      const settled = await settleOnPhotos({
        precision,
        made: asked,
        regions: asked.regions,
        readKnown: () => readSavedRecipes(ledger),
        // Workers have other devices than this machine: int8 is for those on CPUs.
        device: precision === "float16" ? "auto" : "cpu",
        paths,
        list: (await openPhotoList(options.fromFile, signal)) ?? [],
        find: { filter, signal },
        onProgress: noteTrial(progress),
        signal,
      });
      notePrecision(progress, settled);
      const made = recipeOf(settled.count, asked.sha256);
      const { recipe } = made;
      const store = await ResultStore.open(ledger, recipe);
      const queue = await queues.add({ count: settled.count, recipe: made, ledger });
      const listOptions = {
        filter,
        leftOut,
        signal,
        onUnreadable: noteUnreadableFolders(progress, unreadable),
        onEmpty: noteEmptyFolders(progress, empty),
      };
      const listAll = async function* () {
        yield* reader.list(paths, listOptions);
        yield* reader.listEach(settled.list ?? [], listOptions);
      };
      const counts = await enqueuePhotos({
        queue,
        store,
        photos: listAll(),
        retry,
        signal,
        onProgress: ({ found }) =>
          progress.setActivity(`Enqueuing photos: ${formatCount(found)} found`),
      });
      progress[Symbol.dispose]();
      const target = `${options.queue} for the recipe ${recipe.name}`;
      const lines = [describe(counts, target), ...formatLeftOut(leftOut.counts)];
      const { name, hash } = recipe;
      await (json
        ? output.writeJson({ ...counts, recipe: { name, hash }, leftOut: leftOut.counts })
        : output.write(`${lines.join("\n")}\n`));
      const isEmpty = (counts.found === 0 || empty.length > 0) && !options.allowEmpty;
      return unreadable.length === 0 && !isEmpty ? exitStatus.ok : exitStatus.incomplete;
    },
    { onInterrupt: () => progress.note("Stopping.") },
  );
}

function describe(
  { found, added, done, failed, excluded, queued }: EnqueueCounts,
  queue: string,
): string {
  const others = [
    done > 0 && `${formatCount(done)} have a result`,
    queued > 0 && `${formatCount(queued)} are in the queue already`,
    failed > 0 && `${formatCount(failed)} failed before (--retry adds them)`,
    excluded > 0 && `${formatCount(excluded)} were excluded`,
  ].filter((text) => text !== false);
  const ofOthers = others.length === 0 ? "" : `; of the others ${others.join(", ")}`;
  const summary = `${formatPlural(found, "photo")} found, ${formatCount(added)} added to ${queue}`;
  return `${summary}${ofOthers}`;
}
