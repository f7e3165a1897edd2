import { formatCount, formatPlural } from "../../../base/quantities.ts";
import { retryFailed } from "../../../fleet/queue/retry-failed.ts";
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
  { queue: name, redis, json, quiet }: RetryFailedArguments,
): Promise<number> {
  using progress = new ProgressDisplay({ quiet });
  await using queues = await FleetQueues.open({
    connection: redis,
    queue: name,
    onTrouble: noteQueueTrouble(progress),
  });
  let retried = 0;
  const status = await interruptible(
    async ({ stop: signal }) => {
      for (const { queue } of await queues.all()) {
        const before = retried;
        const onProgress = (count: number) => {
          retried = before + count;
          progress.setActivity(`Putting jobs back: ${formatCount(retried)}`);
        };
        await retryFailed(queue, { signal, onProgress });
      }
      return exitStatus.ok;
    },
    { onInterrupt: () => progress.note("Stopping.") },
  );
  progress[Symbol.dispose]();
  await (json
    ? output.writeJson({ retried })
    : output.write(`${formatPlural(retried, "failed job")} put back into ${name}\n`));
  return status;
}
