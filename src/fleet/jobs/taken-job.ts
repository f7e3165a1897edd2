import type { Job } from "bullmq";

/** A job that this worker has taken: the part of BullMQ's `Job` that is used here. */
export type TakenJob = Pick<
  Job,
  | "id"
  | "data"
  | "opts"
  | "timestamp"
  | "processedOn"
  | "attemptsMade"
  | "stalledCounter"
  | "moveToWait"
  | "updateProgress"
  | "log"
>;
