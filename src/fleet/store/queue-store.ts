import type { Logger } from "../../logger.ts";
import type { QueueDepth } from "../../monitor/queue-gauges.ts";
import type { JobStore } from "./job-store.ts";

/** Where the results of a queue go. */
export interface QueueResults {
  /** A path or URL, without a password. */
  readonly location: string;
  /** The database's own name, whatever path or URL leads to it. */
  readonly identity: string;
}

/** The jobs of one queue, counted. */
export type QueueCounts = Omit<QueueDepth, "recipe">;

/**
 * What is kept beside BullMQ's jobs, and asked of them together: in Redis, or in PostgreSQL.
 * `storeOf` returns that of a queue.
 */
export interface QueueStore {
  readonly jobs: JobStore;
  readonly attempts: AttemptStore;
  readonly catalogue: CatalogueStore;
  readonly workers: WorkerStore;
  /** Sends a cheap request. Rejects, or stays pending, while the server is away. */
  ping(): Promise<void>;
  /** Warns of a server that may lose jobs. */
  warnOfLosses(logger: Logger): Promise<void>;
  /**
   * Counts jobs, of this queue or of one behind it: a few small requests.
   *
   * @param behind a queue's name, as `recipeQueueName` returns it
   */
  depth(behind?: string): Promise<QueueCounts>;
  /** Whether a queue behind this one has jobs that are not done and have not failed. */
  hasWork(behind: string): Promise<boolean>;
}

/** What outlives an attempt at a job. */
export interface AttemptStore {
  readDeaths(jobId: string): Promise<number>;
  writeDeaths(jobId: string, deaths: number): Promise<void>;
  readPartialWork(jobId: string): Promise<Uint8Array | undefined>;
  /** It is forgotten after a time, so that jobs that are removed leave nothing for ever. */
  writePartialWork(jobId: string, bytes: Uint8Array, lifetimeMs: number): Promise<void>;
  removePartialWork(jobId: string): Promise<void>;
}

/** What a queue says to its workers. */
export interface CatalogueStore {
  /** JSON by hashes of recipes. */
  recipes(): Promise<ReadonlyMap<string, string>>;
  addRecipe(hash: string, json: string): Promise<void>;
  results(): Promise<QueueResults | undefined>;
  /** Writes where results go, unless it is written already; returns what is written then. */
  claimResults(results: QueueResults): Promise<QueueResults>;
  writeResults(results: QueueResults): Promise<void>;
}

/** What workers publish of themselves, as JSON, by their names in it. */
export interface WorkerStore {
  write(field: string, status: string, options: WorkerEntryOptions): Promise<void>;
  remove(field: string): Promise<void>;
  /** Lists what was written and is not too old. */
  read(): Promise<string[]>;
  /** Leaves a word for a worker, in the place of one that it has not taken. */
  leaveWish(field: string, wish: string, lifetimeMs: number): Promise<void>;
  /** Takes the word that was left, once. */
  takeWish(field: string): Promise<string | undefined>;
}

export interface WorkerEntryOptions {
  readonly startedAt: string;
  /** After this time without another one it is forgotten. */
  readonly lifetimeMs: number;
}
