import type { FleetWorker } from "../worker/fleet-worker.ts";

/** What a process needs of the worker in it. */
export interface QueueWorker
  extends Pick<FleetWorker, "ready" | "start" | "close" | "counts" | "metrics" | "trouble"> {
  /** Asks the queue's server for an answer. */
  ping(): Promise<void>;
}
