import { formatCount, formatPlural } from "../../../base/quantities.ts";
import { retryJobs } from "../../../fleet/management/change-jobs.ts";
import { recordChange } from "../../../fleet/management/record-change.ts";
import { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import { noteServerProblem } from "../../output/problem-notes.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { RecordArguments } from "../jobs/job-options.ts";
import { openQueueRecord } from "../jobs/queue-record.ts";
import { describeIfUnknown } from "../jobs/unknown-queue.ts";
import { callerActor } from "../management/person-option.ts";

export interface RetryFailedArguments extends QueueArguments, RecordArguments {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Runs `orangery retry-failed`; resolves to the exit status. */
export async function retry(
  output: StandardOutput,
  { queue, queueUrl, json, quiet, results, by }: RetryFailedArguments,
): Promise<number> {
  using progress = new ProgressDisplay({ quiet });
  await using fleet = await FleetQueues.open({
    connection: queueUrl,
    queue,
    onTrouble: noteServerProblem(progress),
  });
  const note = (line: string) => progress.note(line);
  await using ledger = await openQueueRecord(fleet.base, { results, note });
  const filter = { states: ["failed"] } as const;
  const action = { ...callerActor(by), kind: "retry-jobs", filter: { state: "failed" } } as const;
  let retried = 0;
  const status = await interruptible(
    async ({ stop: signal }) => {
      const queues = await fleet.all();
      await recordChange(ledger, action, async (count) => {
        const onProgress = (number: number) => {
          count(number);
          retried = number;
          progress.setActivity(`Putting jobs back: ${formatCount(retried)}`);
        };
        return await retryJobs(queues, filter, { signal, onProgress });
      });
      return exitStatus.ok;
    },
    { onInterrupt: () => progress.note("Stopping.") },
  );
  progress[Symbol.dispose]();
  await (json
    ? output.writeJson({ retried })
    : output.write(
        `${formatPlural(retried, "failed job")} put back into ${queue}\n` +
          (retried === 0 ? await describeIfUnknown(fleet) : ""),
      ));
  return status;
}
