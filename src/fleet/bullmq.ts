/** What `orangery/bullmq` offers, by name. Needs the packages `bullmq` and `ioredis`. */
export { createWorker, type ModelTaskClass } from "./create-worker.ts";
export type { CloseWorkerOptions, FleetWorker, FleetWorkerCounts } from "./fleet-worker.ts";
export type { PayloadParser, PayloadSchema } from "./job-data.ts";
export type { JobReport } from "./job-processor.ts";
export type { QueueConnection } from "./redis-connection.ts";
export type { FleetWorkerOptions } from "./worker-options.ts";
