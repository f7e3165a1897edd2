import { hideCredentials } from "../../base/url.ts";
import type { QueuedRecipe } from "../recipes/queue-catalogue.ts";
import type { JobState } from "../store/job-filter.ts";
import type { JobRow } from "../store/job-store.ts";

/** A job of a queue, as shown to people. */
export interface FoundJob {
  readonly id: string;
  readonly state: JobState;
  /** Undefined for a job of tasks. */
  readonly recipe: Pick<QueuedRecipe, "name" | "hash"> | undefined;
  /** The photo's source; undefined for a job that is not about a photo. */
  readonly photo: string | undefined;
  /** BullMQ's name of the job. */
  readonly name: string;
  /** The data of a job that is not about a photo, as JSON, shortened. */
  readonly data: string | undefined;
  /** Attempts that have ended. */
  readonly attempts: number;
  /** Why the last failed attempt failed. */
  readonly reason: JobReason | undefined;
  /** The worker that has the job, or had it last. */
  readonly worker: string | undefined;
  /** ISO 8601, UTC. */
  readonly addedAt: string;
  readonly failedAt: string | undefined;
}

/** Why a job failed. */
export interface JobReason {
  /** Undefined where the error had none: an error of a task of somebody's own. */
  readonly code: string | undefined;
  readonly message: string;
}

const shownLetters = 120;

export function toFoundJob(
  [id, name, data, timestamp, attempts, failedReason, finishedOn, worker]: JobRow,
  { state, recipe }: Pick<FoundJob, "state" | "recipe">,
): FoundJob {
  const photo = photoOf(data ?? "");
  const isFailed = state === "failed" && finishedOn != null;
  return {
    id,
    state,
    recipe: recipe && { name: recipe.name, hash: recipe.hash },
    photo,
    name: name ?? "",
    data: photo === undefined ? shorten(data ?? "") : undefined,
    attempts: Number(attempts ?? 0),
    reason: failedReason ? toReason(failedReason) : undefined,
    worker: worker ?? undefined,
    addedAt: toTime(timestamp ?? 0),
    failedAt: isFailed ? toTime(finishedOn) : undefined,
  };
}

/** Splits the code from the reason that the queue keeps: `PHOTO_UNREADABLE: Expected …`. */
export function toReason(failedReason: string): JobReason {
  const [, code, message] = /^([A-Z][A-Z0-9_]+): (.*)$/s.exec(failedReason) ?? [];
  return { code, message: message ?? failedReason };
}

function toTime(ms: string | number): string {
  return new Date(Number(ms)).toISOString();
}

function photoOf(json: string): string | undefined {
  try {
    const { photo, source = photo } = (JSON.parse(json) ?? {}) as Record<string, unknown>;
    return typeof photo === "string" && typeof source === "string" ? source : undefined;
  } catch {
    return undefined;
  }
}

function shorten(json: string): string {
  const text = hideCredentials(json);
  return text.length > shownLetters ? `${text.slice(0, shownLetters - 1)}…` : text;
}
