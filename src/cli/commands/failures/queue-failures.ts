import { countFailures } from "../../../fleet/management/count-failures.ts";
import type { FoundJob } from "../../../fleet/management/found-job.ts";
import { selectJobs } from "../../../fleet/management/select-jobs.ts";
import type { JobFilter } from "../../../fleet/store/job-filter.ts";
import { photoFromCaller } from "../../options/caller-paths.ts";
import { openQueues } from "../jobs/open-queues.ts";
import { describeIfUnknown } from "../jobs/unknown-queue.ts";
import type { FailureRow, FailureSource } from "./failure-source.ts";

export interface QueueFailuresOptions {
  readonly queue: string;
  readonly queueUrl: string;
  readonly recipe?: string;
  readonly under?: string;
  readonly code?: string;
}

/** Opens the failed jobs of a queue. */
export async function openQueueFailures({
  queue,
  queueUrl,
  recipe,
  under,
  code,
}: QueueFailuresOptions): Promise<FailureSource> {
  const chosen = await openQueues({ queue, queueUrl, ...(recipe && { recipe: [recipe] }) });
  const filter: JobFilter = { states: ["failed"], code, under: under && photoFromCaller(under) };
  return {
    name: `the queue ${queue}`,
    hint: `\`orangery jobs retry --queue ${queue}\` tries them again, --code CODE some of them.`,
    describeNone: () => describeIfUnknown(chosen.fleet),
    count: () => countFailures(chosen.queues, filter),
    async *read(limit = 0) {
      const pageSize = limit === 0 ? undefined : Math.min(limit, 500);
      for await (const job of selectJobs(chosen.queues, filter, { pageSize })) yield toRow(job);
    },
    [Symbol.asyncDispose]: () => chosen[Symbol.asyncDispose](),
  };
}

function toRow({ id, photo, recipe, reason }: FoundJob): FailureRow {
  return {
    photo: photo ?? id,
    recipe: recipe?.hash,
    code: reason?.code,
    message: reason?.message ?? "",
  };
}
