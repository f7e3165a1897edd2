import { printable } from "../../../base/printable.ts";
import { formatCount, formatDuration } from "../../../base/quantities.ts";
import type { FoundJob } from "../../../fleet/management/found-job.ts";
import { countJobs, selectJobs } from "../../../fleet/management/select-jobs.ts";
import type { JobQueue } from "../../../fleet/recipes/fleet-queues.ts";
import { type JobFilter, jobStates, takesAll } from "../../../fleet/store/job-filter.ts";
import { displayPath } from "../../options/caller-paths.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { inPages } from "../../output/pages.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatTable } from "../../output/table.ts";
import { readJobFilter } from "./job-filter-arguments.ts";
import type { JobFilterArguments } from "./job-options.ts";
import { openQueues } from "./open-queues.ts";
import { describeIfUnknown } from "./unknown-queue.ts";

export interface ListArguments extends QueueArguments, JobFilterArguments {
  /** 0 for all. */
  readonly limit: number;
  readonly json?: boolean;
}

const shownLetters = 100;

/** Runs `orangery jobs list`. */
export async function listJobs(
  output: StandardOutput,
  names: readonly string[],
  options: ListArguments,
): Promise<void> {
  const { limit, json } = options;
  await using chosen = await openQueues(options);
  const { queues, fleet } = chosen;
  const filter = await readJobFilter(names, options);
  const pageSize = limit === 0 ? undefined : Math.min(limit + 1, 500);
  const jobs = selectJobs(queues, filter, { pageSize });
  let shown = 0;
  const { hasMore } = await inPages(jobs, { limit }, async (page) => {
    shown += page.length;
    if (json) for (const job of page) await output.writeJson(job);
    else await output.write(jobTable(page));
    return !output.isClosed;
  });
  if (json) return;
  if (shown === 0) return await output.write((await describeIfUnknown(fleet)) || "No jobs\n");
  await output.write(`${await describeRest({ shown, hasMore, queues, filter })}\n`);
}

interface Rest {
  readonly shown: number;
  readonly hasMore: boolean;
  readonly queues: readonly JobQueue[];
  readonly filter: JobFilter;
}

/** Says how many there are: at once where no filter looks at jobs, else as far as is known. */
async function describeRest({ shown, hasMore, queues, filter }: Rest): Promise<string> {
  if (!hasMore) return `${formatCount(shown)} shown, all there are`;
  const more = "--limit 0 shows all.";
  if (!takesAll(filter) || filter.names)
    return `${formatCount(shown)} shown, there are more. ${more}`;
  const counts = await countJobs(queues, filter);
  const states = jobStates.filter((state) => counts[state] > 0);
  const byState = states.map((state) => `${formatCount(counts[state])} ${state}`).join(", ");
  return `${formatCount(shown)} shown of ${byState}. ${more}`;
}

function jobTable(jobs: readonly FoundJob[]): string {
  return formatTable(
    [
      { title: "State" },
      { title: "Photo" },
      { title: "Recipe" },
      { title: "Attempts", align: "right" },
      { title: "Age", align: "right" },
      { title: "Reason" },
    ],
    jobs.map(({ state, photo, recipe, attempts, addedAt, failedAt, reason, ...job }) => [
      state,
      photo === undefined ? printable(`${job.name} ${job.id} ${job.data}`) : displayPath(photo),
      recipe?.name ?? "-",
      formatCount(attempts),
      formatDuration(Math.max(0, Date.now() - Date.parse(failedAt ?? addedAt))),
      reason === undefined
        ? ""
        : shorten(printable(`${reason.code ?? ""} ${reason.message}`.trim())),
    ]),
  );
}

function shorten(text: string): string {
  return text.length > shownLetters ? `${text.slice(0, shownLetters - 1)}…` : text;
}
