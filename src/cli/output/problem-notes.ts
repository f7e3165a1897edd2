import { printable } from "../../base/printable.ts";
import type { OrangeryError } from "../../errors.ts";
import { displayPath } from "../options/caller-paths.ts";
import type { ProgressDisplay } from "./progress-display.ts";

/** Prints each folder that cannot be listed, and adds it to `folders`. */
export function noteUnreadableFolders(
  progress: ProgressDisplay,
  folders: string[],
): (folder: string, error: unknown) => void {
  return (folder, error) => {
    folders.push(folder);
    progress.note(`Cannot read ${displayPath(folder)}: ${printable(String(error))}`);
  };
}

/** Prints each folder without photos, and adds it to `folders`. */
export function noteEmptyFolders(
  progress: ProgressDisplay,
  folders: string[],
): (folder: string) => void {
  return (folder) => {
    folders.push(folder);
    progress.note(`No photos in ${displayPath(folder)}. Is it mounted, and the right one?`);
  };
}

/**
 * Prints when a watched place is unavailable and when it is back; `away` holds the unavailable
 * ones.
 */
export function notePlaces(progress: ProgressDisplay) {
  const away = new Set<string>();
  return {
    away: away as ReadonlySet<string>,
    onAway: (place: string, error: unknown) => {
      away.add(place);
      progress.note(`${displayPath(place)} is away: ${printable(String(error))}. Waiting for it.`);
    },
    onBack: (place: string) => {
      away.delete(place);
      progress.note(`${displayPath(place)} is there again.`);
    },
  };
}

/** Prints that Redis is down, once for each kind of problem, which recurs with every attempt. */
export function noteQueueProblem(progress: ProgressDisplay): (problem: OrangeryError) => void {
  let last: string | undefined;
  return ({ code, message, retryable }) => {
    if (code === last || !retryable) return;
    last = code;
    progress.note(`${message} Waiting for Redis.`);
  };
}
