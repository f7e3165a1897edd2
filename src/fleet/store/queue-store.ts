import type { Logger } from "../../logger.ts";
import type { QueueDepth } from "../../monitor/queue-gauges.ts";
import type { JobStore } from "./job-store.ts";

/** Where the results of a queue go. */
export interface QueueResults {
  /** A path or URL, without a password. */
  readonly location: string;
  /** The database's own identity, whatever path or URL leads to it. */
  readonly identity: string;
}

/** The jobs of one queue, counted. */
export type QueueCounts = Omit<QueueDepth, "recipe">;

/**
 * Data beside BullMQ's jobs, and queries over many jobs, in Redis or PostgreSQL. `storeOf` returns
 * a queue's store.
 */
export interface QueueStore {
  readonly jobs: JobStore;
  readonly attempts: AttemptStore;
  readonly catalogue: CatalogueStore;
  readonly workers: WorkerStore;
  /** Sends a cheap request. Rejects, or stays pending, while the server is down. */
  ping(): Promise<void>;
  /** Warns of a server that may lose jobs. */
  warnOfLosses(logger: Logger): Promise<void>;
  /**
   * Counts the jobs of this queue, or of one behind it, with a few small requests.
   *
   * @param behind a queue's name, as `recipeQueueName` returns it
   */
  depth(behind?: string): Promise<QueueCounts>;
  /** Whether a queue behind this one has jobs that are not done and have not failed. */
  hasWork(behind: string): Promise<boolean>;
}

/** Data that outlives an attempt at a job. */
export interface AttemptStore {
  readDeaths(jobId: string): Promise<number>;
  writeDeaths(jobId: string, deaths: number): Promise<void>;
  readPartialWork(jobId: string): Promise<Uint8Array | undefined>;
  /** It expires, so that removed jobs leave nothing behind for ever. */
  writePartialWork(jobId: string, bytes: Uint8Array, lifetimeMs: number): Promise<void>;
  removePartialWork(jobId: string): Promise<void>;
}

/** What workers read from a queue. */
export interface CatalogueStore {
  /** JSON by hashes of recipes. */
  recipes(): Promise<ReadonlyMap<string, string>>;
  addRecipe(hash: string, json: string): Promise<void>;
  results(): Promise<QueueResults | undefined>;
  /** Records where results go, unless that is recorded; returns the recorded place. */
  claimResults(results: QueueResults): Promise<QueueResults>;
  writeResults(results: QueueResults): Promise<void>;
}

/** What workers publish about themselves, as JSON, by worker. */
export interface WorkerStore {
  write(field: string, status: string, options: WorkerEntryOptions): Promise<void>;
  remove(field: string): Promise<void>;
  /** Lists the entries that have not expired. */
  read(): Promise<string[]>;
  /** Leaves a request for a worker; replaces one that it has not taken. */
  leaveRequest(field: string, request: string, lifetimeMs: number): Promise<void>;
  /** Takes the pending request, once. */
  takeRequest(field: string): Promise<string | undefined>;
}

export interface WorkerEntryOptions {
  readonly startedAt: string;
  /** After this time it expires. */
  readonly lifetimeMs: number;
}
