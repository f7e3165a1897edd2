import type { Queue } from "bullmq";
import { OrangeryError } from "../../errors.ts";
import { withQueueErrors } from "../queue/queue-errors.ts";
import {
  askWorker,
  readWorkers,
  type WorkerRequest,
  type WorkerStatus,
} from "../store/worker-status.ts";

/**
 * Sends a request to workers by name, to all processes of a name. They act on it within seconds.
 *
 * @returns the workers that were asked
 * @throws `INVALID_ARGUMENT` for a name that no worker has, or a process that cannot be replaced;
 *   then no worker was asked. `QUEUE_…`
 */
export async function askWorkers(
  queue: Queue,
  names: readonly string[],
  request: WorkerRequest,
): Promise<WorkerStatus[]> {
  return await withQueueErrors(queue, async () => {
    const workers = await readWorkers(queue);
    const asked = names.map((name) => {
      const meant = workers.filter((worker) => worker.name === name);
      if (meant.length === 0) throw unknownWorker(name, workers);
      if (
        request === "recycle" &&
        meant.some(({ earlierProcesses }) => earlierProcesses === undefined)
      )
        throw notSupervised(name);
      return meant;
    });
    for (const worker of asked.flat()) await askWorker(queue, worker, request);
    return asked.flat();
  });
}

function unknownWorker(name: string, workers: readonly WorkerStatus[]): OrangeryError {
  const known = [...new Set(workers.map((worker) => worker.name))].join(", ");
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a worker of the queue, got ${JSON.stringify(name)}. ` +
      (known === "" ? "It has none at the moment." : `It has ${known}.`),
    { details: { name } },
  );
}

function notSupervised(name: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a worker of \`orangery worker\`, whose processes can be replaced, got ${name}, a ` +
      "worker in a program of its own. Restart that program.",
    { details: { name } },
  );
}
