import type { FleetQueues } from "./fleet-queues.ts";
import { etaOf, type QueueStatus, readQueueStatus } from "./queue-status.ts";

/** The jobs of one recipe. */
export interface RecipeStatus
  extends Pick<QueueStatus, "waiting" | "active" | "delayed" | "failed" | "done" | "isPaused"> {
  readonly name: string;
  readonly hash: string;
  /** The names of the workers that serve it. */
  readonly workers: readonly string[];
}

/** The state of a queue with all its recipes at one moment; its counts are sums. */
export interface FleetStatus extends QueueStatus {
  readonly recipes: readonly RecipeStatus[];
}

/** @throws `QUEUE_…` */
export async function readFleetStatus(queues: FleetQueues): Promise<FleetStatus> {
  const [base, ...ofRecipes] = await Promise.all(
    (await queues.all()).map(async ({ recipe, queue }) => ({
      recipe,
      ...(await readQueueStatus(queue)),
    })),
  );
  const { recipe: _none, workers, perSecond, ...own } = base!;
  const recipes = ofRecipes.map(({ recipe, ...status }): RecipeStatus => {
    const { name, hash } = recipe!;
    const { waiting, active, delayed, failed, done, isPaused } = status;
    const serving = workers.filter((worker) =>
      worker.recipes?.some((served) => served.hash === hash),
    );
    return {
      name,
      hash,
      waiting,
      active,
      delayed,
      failed,
      done,
      isPaused,
      workers: serving.map((worker) => worker.name),
    };
  });
  const sum = (count: "waiting" | "active" | "delayed" | "failed" | "done") =>
    [own, ...recipes].reduce((total, status) => total + status[count], 0);
  return {
    ...own,
    waiting: sum("waiting"),
    active: sum("active"),
    delayed: sum("delayed"),
    failed: sum("failed"),
    done: sum("done"),
    perSecond,
    etaMs: etaOf(sum("waiting") + sum("active") + sum("delayed"), perSecond),
    recipes,
    workers,
  };
}
