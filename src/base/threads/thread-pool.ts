import { availableParallelism } from "node:os";

/** libuv's default. */
const usualThreads = 4;
/** Each run that waits for a GPU holds a thread, but uses no core. */
const waitingRuns = 2;

/** The threads of this process's pool, on which photos are decoded and networks run. */
export function threadPoolSize(): number {
  const given = Number(process.env.UV_THREADPOOL_SIZE);
  return Number.isInteger(given) && given > 0 ? given : usualThreads;
}

/**
 * The variable that gives a process of Node a pool in which all cores can decode: libuv's own four
 * threads keep no more than four cores busy. libuv reads it when it starts the pool.
 */
export function threadPoolVariable(cores = availableParallelism()): { UV_THREADPOOL_SIZE: string } {
  return { UV_THREADPOOL_SIZE: `${Math.max(usualThreads, cores + waitingRuns)}` };
}
