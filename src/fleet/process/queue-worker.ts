import type { FleetWorker } from "../worker/fleet-worker.ts";

/** What a process needs of the worker in it. */
export interface QueueWorker
  extends Pick<FleetWorker, "ready" | "start" | "close" | "counts" | "metrics" | "trouble"> {
  /** Asks the queue's server for an answer. */
  ping(): Promise<void>;
  /** Takes jobs, or none and keeps its models. Undefined where nobody can ask for that. */
  setTaking?(isTaking: boolean): void;
}
