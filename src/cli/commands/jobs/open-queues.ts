import { setFlagsFromString } from "node:v8";
import { FleetQueues, type JobQueue } from "../../../fleet/recipes/fleet-queues.ts";
import { chooseQueues } from "../../../fleet/recipes/recipe-choice.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { noteServerProblem } from "../../output/problem-notes.ts";
import type { ProgressDisplay } from "../../output/progress-display.ts";

/** The queues of the recipes that a command line names. */
export interface ChosenQueues extends AsyncDisposable {
  readonly fleet: FleetQueues;
  readonly queues: readonly JobQueue[];
}

/** @throws `RECIPE_NOT_FOUND`, `QUEUE_…` */
export async function openQueues(
  { queue, queueUrl, recipe }: QueueArguments & { readonly recipe?: readonly string[] },
  progress?: ProgressDisplay,
): Promise<ChosenQueues> {
  // V8 would give short-lived objects 100 MB for no benefit: the time is spent on the server.
  setFlagsFromString("--semi-space-growth-factor=1");
  await using stack = new AsyncDisposableStack();
  const fleet = stack.use(
    await FleetQueues.open({
      connection: queueUrl,
      queue,
      onTrouble: progress && noteServerProblem(progress),
    }),
  );
  const queues = chooseQueues(await fleet.all(), recipe);
  const owned = stack.move();
  return { fleet, queues, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
