/** What `orangery/celery` offers, by name. Needs the package `ioredis`. */
import "../base/required-runtime.ts";

export type {
  CeleryAppOptions,
  CeleryTask,
  CeleryTasks,
  CeleryWorkerOptions,
} from "./celery/celery-options.ts";
export type { CeleryWorker } from "./celery/celery-worker.ts";
export { createCeleryWorker } from "./celery/create-celery-worker.ts";
