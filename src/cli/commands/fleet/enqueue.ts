import { setFlagsFromString } from "node:v8";
import { type EnqueueCounts, enqueuePhotos } from "../../../fleet/count/enqueue-photos.ts";
import { refuseOtherRecipe } from "../../../fleet/count/queue-recipe.ts";
import { OpenQueue } from "../../../fleet/queue/open-queue.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { ResultStore } from "../../../ledger/results/result-store.ts";
import { PhotoReader } from "../../../pipeline/photos/photo-reader.ts";
import { type CountOptions, countRecipe } from "../../../pipeline/run/count-recipe.ts";
import { photoFromCaller } from "../../options/caller-folder.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import { formatCount, formatPlural } from "../../output/quantities.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { printUnreadableFolders } from "../../output/unreadable-folders.ts";
import { defaultResults, resultsFromCaller } from "../results/choose-results.ts";
import { printQueueTrouble } from "./queue-trouble.ts";

export interface EnqueueArguments extends QueueArguments {
  readonly count: CountOptions;
  readonly results?: string;
  readonly retry?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Does what `orangery enqueue` was asked for; resolves to the exit status. */
export async function enqueue(
  output: StandardOutput,
  photos: readonly string[],
  options: EnqueueArguments,
): Promise<number> {
  const { count, retry, json, quiet } = options;
  // V8 would give short-lived objects 100 MB to lie about in, for nothing: it is Redis that takes time.
  setFlagsFromString("--semi-space-growth-factor=1");
  using progress = new ProgressDisplay({ quiet });
  const { recipe } = await countRecipe(count);
  await using ledger = await openLedger(resultsFromCaller(options.results ?? defaultResults));
  const store = await ResultStore.open(ledger, recipe);
  await using queue = await OpenQueue.open({
    connection: options.redis,
    queue: options.queue,
    onTrouble: printQueueTrouble(progress),
  });
  await refuseOtherRecipe(queue.bullmq, recipe.hash);
  using sources = new PhotoReader();
  using interrupts = new Interrupts({ onInterrupt: () => progress.note("Stopping.") });
  const unreadable: string[] = [];
  try {
    const counts = await enqueuePhotos({
      queue: queue.bullmq,
      store,
      photos: sources.list(photos.map(photoFromCaller), {
        signal: interrupts.stop,
        onUnreadable: printUnreadableFolders(progress, unreadable),
      }),
      retry,
      signal: interrupts.stop,
      onProgress: ({ found }) =>
        progress.setActivity(`Enqueuing photos: ${formatCount(found)} found`),
    });
    progress[Symbol.dispose]();
    await (json ? output.writeJson(counts) : output.write(describe(counts, options.queue)));
  } catch (error) {
    // What an interrupt ended is no failure.
    if (interrupts.exitStatus === undefined) throw error;
  }
  if (interrupts.exitStatus !== undefined) return interrupts.exitStatus;
  return unreadable.length === 0 ? exitStatus.ok : exitStatus.incomplete;
}

function describe({ found, added, done, failed, queued }: EnqueueCounts, queue: string): string {
  const others = [
    ...(done > 0 ? [`${formatCount(done)} have a result`] : []),
    ...(queued > 0 ? [`${formatCount(queued)} are in the queue already`] : []),
    ...(failed > 0 ? [`${formatCount(failed)} failed before (--retry adds them)`] : []),
  ];
  const ofThem = others.length === 0 ? "" : `; of the others ${others.join(", ")}`;
  return `${formatPlural(found, "photo")} found, ${formatCount(added)} added to ${queue}${ofThem}\n`;
}
