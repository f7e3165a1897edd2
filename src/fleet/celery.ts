/** What `orangery/celery` offers, by name. Needs the package `ioredis`. */
import "../base/required-runtime.ts";

export type {
  CeleryAppOptions,
  CeleryTask,
  CeleryTasks,
  CeleryWorkerOptions,
} from "./celery/app/celery-options.ts";
export type { CeleryWorker } from "./celery/celery-worker.ts";
export { createCeleryWorker } from "./celery/create-celery-worker.ts";
export type { PayloadParser, PayloadSchema } from "./jobs/job-data.ts";
export type { JobEnd } from "./jobs/job-end.ts";
export type { ModelTaskClass } from "./worker/task-instance.ts";
export type { FleetWorkerCounts } from "./worker/work-tally.ts";
export type { CloseWorkerOptions } from "./worker/worker-life.ts";
