import type { BackendFactory, RedisQueueBackend } from "bullmq";
import type { QueuePatience } from "./queue-patience.ts";

/** The operations by which a worker ends its work on a job. */
const endings = [
  "moveToCompleted",
  "moveToFailed",
  "moveToDelayed",
  "retryJob",
  "moveJobFromActiveToWait",
] as const satisfies (keyof RedisQueueBackend)[];

/** What BullMQ gets when no job waits. */
const noJob = [null, null, 0, 0];

/**
 * Makes BullMQ's worker wait while the server refuses to serve. On its own it would ask for the
 * next job without a pause, and fail a job whose end the server does not accept. Each of these
 * operations is one script or transaction, so a refused one has done nothing.
 *
 * @param options.signal ends the wait for a next job
 * @param options.isTaking whether the worker takes jobs: one that was waiting when it was paused
 *   would otherwise take one more
 */
export function patientBackend(
  createBackend: BackendFactory<RedisQueueBackend>,
  {
    patience,
    signal,
    isTaking,
  }: {
    readonly patience: QueuePatience;
    readonly signal: AbortSignal;
    readonly isTaking: () => boolean;
  },
): BackendFactory<RedisQueueBackend> {
  return (name, options, connections) => {
    const backend = createBackend(name, options, connections);
    const take = backend.moveToActive.bind(backend);
    const wait = backend.waitForJob.bind(backend);
    const always = { always: true };
    const untilAborted = { ...always, signal };
    backend.moveToActive = async (...args) => {
      if (!isTaking()) return noJob;
      return await patience.repeat(() => take(...args), untilAborted);
    };
    backend.waitForJob = (...args) => patience.repeat(() => wait(...args), untilAborted);
    for (const ending of endings) {
      const end = backend[ending].bind(backend) as (...args: unknown[]) => Promise<never>;
      backend[ending] = (...args: unknown[]) => patience.repeat(() => end(...args), always);
    }
    return backend;
  };
}
