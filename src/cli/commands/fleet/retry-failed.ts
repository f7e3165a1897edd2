import { OpenQueue } from "../../../fleet/queue/open-queue.ts";
import { retryFailed } from "../../../fleet/queue/retry-failed.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import { formatCount, formatPlural } from "../../output/quantities.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { printQueueTrouble } from "./queue-trouble.ts";

export interface RetryFailedArguments extends QueueArguments {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Does what `orangery retry-failed` was asked for; resolves to the exit status. */
export async function retry(
  output: StandardOutput,
  { queue: name, redis, json, quiet }: RetryFailedArguments,
): Promise<number> {
  using progress = new ProgressDisplay({ quiet });
  await using queue = await OpenQueue.open({
    connection: redis,
    queue: name,
    onTrouble: printQueueTrouble(progress),
  });
  using interrupts = new Interrupts({ onInterrupt: () => progress.note("Stopping.") });
  let retried = 0;
  try {
    await retryFailed(queue.bullmq, {
      signal: interrupts.stop,
      onProgress: (count) => {
        retried = count;
        progress.setActivity(`Putting jobs back: ${formatCount(count)}`);
      },
    });
  } catch (error) {
    // What an interrupt ended is no failure.
    if (interrupts.exitStatus === undefined) throw error;
  }
  progress[Symbol.dispose]();
  await (json
    ? output.writeJson({ retried })
    : output.write(`${formatPlural(retried, "failed job")} put back into ${name}\n`));
  return interrupts.exitStatus ?? exitStatus.ok;
}
