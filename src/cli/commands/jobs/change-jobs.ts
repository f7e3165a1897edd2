import { formatCount, formatPlural } from "../../../base/quantities.ts";
import { changeable, type JobChange, jobChanges } from "../../../fleet/management/change-jobs.ts";
import { pauseQueues, resumeQueues } from "../../../fleet/management/pause-queues.ts";
import { jobActions, recordChange } from "../../../fleet/management/record-change.ts";
import { countJobs } from "../../../fleet/management/select-jobs.ts";
import type { JobFilter } from "../../../fleet/store/job-filter.ts";
import type { ActionFilter } from "../../../ledger/actions/action-log.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { callerActor } from "../management/person-option.ts";
import { readJobFilter } from "./job-filter-arguments.ts";
import type { JobFilterArguments, RecordArguments } from "./job-options.ts";
import { openQueues } from "./open-queues.ts";
import { openQueueRecord } from "./queue-record.ts";
import { describeIfUnknown } from "./unknown-queue.ts";

export interface ChangeArguments extends QueueArguments, JobFilterArguments, RecordArguments {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

interface Wording {
  readonly activity: string;
  readonly done: string;
}

const wordings: Readonly<Record<JobChange, Wording>> = {
  retry: { activity: "Putting jobs back", done: "put back into" },
  drop: { activity: "Dropping jobs", done: "dropped from" },
  "move-first": { activity: "Moving jobs", done: "moved first in" },
};

/** Runs `orangery jobs retry`, `drop` and `move-first`; resolves to the exit status. */
export async function changeJobs(
  output: StandardOutput,
  names: readonly string[],
  options: ChangeArguments & { readonly change: JobChange },
): Promise<number> {
  const { queue, change, dryRun = false, json, quiet, results, by } = options;
  const { activity, done } = wordings[change];
  using progress = new ProgressDisplay({ quiet });
  await using chosen = await openQueues(options, progress);
  const { queues, fleet } = chosen;
  const filter = await readJobFilter(names, options);
  const note = (line: string) => progress.note(line);
  await using ledger = dryRun ? undefined : await openQueueRecord(fleet.base, { results, note });
  let changed = 0;
  let active = 0;
  const status = await interruptible(
    async ({ stop: signal }) => {
      if (change === "drop" && filter.states === undefined) {
        active = (await countJobs(queues, { ...filter, states: ["active"] }, { signal })).active;
      }
      if (dryRun) {
        const counts = await countJobs(queues, changeable(change, filter), { signal });
        changed = Object.values(counts).reduce((sum, count) => sum + count, 0);
      } else {
        const action = {
          ...callerActor(by),
          kind: jobActions[change],
          filter: whichOf(filter, options),
        };
        await recordChange(ledger, action, async (count) => {
          const onProgress = (number: number) => {
            count(number);
            changed = number;
            progress.setActivity(`${activity}: ${formatCount(number)}`);
          };
          return await jobChanges[change](queues, filter, { signal, onProgress });
        });
      }
      return exitStatus.ok;
    },
    { onInterrupt: () => progress.note("Stopping.") },
  );
  progress[Symbol.dispose]();
  const what = `${formatPlural(changed, "job")} ${dryRun ? "would be " : ""}${done} ${queue}`;
  const others = active === 0 ? "" : `; ${formatCount(active)} in progress stay`;
  await (json
    ? output.writeJson({ change, jobs: changed, active, dryRun })
    : output.write(`${what}${others}\n${changed === 0 ? await describeIfUnknown(fleet) : ""}`));
  return status;
}

/** Which jobs were meant, as it is recorded. */
function whichOf(
  { states, code, under, names, since, until }: JobFilter,
  { recipe }: Pick<JobFilterArguments, "recipe">,
): ActionFilter {
  const moment = (ms: number | undefined) => ms !== undefined && new Date(ms).toISOString();
  const all = {
    state: states,
    recipe,
    code,
    under,
    jobs: names,
    since: moment(since),
    until: moment(until),
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value)) as ActionFilter;
}

export interface PauseArguments extends QueueArguments, RecordArguments {
  readonly recipe?: readonly string[];
  readonly json?: boolean;
}

/** Runs `orangery jobs pause` and `resume`. */
export async function pauseJobs(
  output: StandardOutput,
  options: PauseArguments & { readonly isPause: boolean },
): Promise<void> {
  const { queue, recipe, json, isPause, results, by } = options;
  await using chosen = await openQueues(options);
  const { queues, fleet } = chosen;
  const unknown = await describeIfUnknown(fleet);
  await using ledger = await openQueueRecord(fleet.base, { results });
  const kind = isPause ? "pause-queue" : "resume-queue";
  const action = { ...callerActor(by), kind, filter: whichOf({}, options) } as const;
  await recordChange(ledger, action, async () => {
    await (isPause ? pauseQueues(queues) : resumeQueues(queues));
    return queues.length;
  });
  const names = queues.flatMap(({ recipe }) => recipe?.name ?? []);
  const which = recipe === undefined ? queue : `${names.join(", ")} in ${queue}`;
  await (json
    ? output.writeJson({ isPaused: isPause, recipes: names })
    : output.write(`${isPause ? "Paused" : "Resumed"} ${which}\n${unknown}`));
}
