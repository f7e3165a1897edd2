/** What `orangery/bullmq` offers, by name. Needs the packages `bullmq` and `ioredis`. */
import "../base/required-runtime.ts";

export type { PayloadParser, PayloadSchema } from "./jobs/job-data.ts";
export type { JobEnd } from "./jobs/job-end.ts";
export type { QueueConnection } from "./queue/redis-connection.ts";
export { createWorker, type InferredTask } from "./worker/create-worker.ts";
export type { FleetWorker } from "./worker/fleet-worker.ts";
export type { ModelTaskClass } from "./worker/task-instance.ts";
export type { FleetWorkerCounts } from "./worker/work-tally.ts";
export type { CloseWorkerOptions } from "./worker/worker-life.ts";
export type { FleetWorkerOptions, WorkerSupervision } from "./worker/worker-options.ts";
