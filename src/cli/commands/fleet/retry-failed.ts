import { formatCount, formatPlural } from "../../../base/quantities.ts";
import { retryJobs } from "../../../fleet/management/change-jobs.ts";
import { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { noteQueueTrouble } from "../../output/trouble-notes.ts";

export interface RetryFailedArguments extends QueueArguments {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Runs `orangery retry-failed`; resolves to the exit status. */
export async function retry(
  output: StandardOutput,
  { queue, queueUrl, json, quiet }: RetryFailedArguments,
): Promise<number> {
  using progress = new ProgressDisplay({ quiet });
  await using fleet = await FleetQueues.open({
    connection: queueUrl,
    queue,
    onTrouble: noteQueueTrouble(progress),
  });
  let retried = 0;
  const status = await interruptible(
    async ({ stop: signal }) => {
      const onProgress = (count: number) => {
        retried = count;
        progress.setActivity(`Putting jobs back: ${formatCount(retried)}`);
      };
      await retryJobs(await fleet.all(), { states: ["failed"] }, { signal, onProgress });
      return exitStatus.ok;
    },
    { onInterrupt: () => progress.note("Stopping.") },
  );
  progress[Symbol.dispose]();
  await (json
    ? output.writeJson({ retried })
    : output.write(`${formatPlural(retried, "failed job")} put back into ${queue}\n`));
  return status;
}
