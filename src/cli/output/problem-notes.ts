import { printable } from "../../base/printable.ts";
import { isOrangeryError } from "../../errors.ts";
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

/**
 * Prints that the server of a queue or of results is down, once for each kind of problem, which
 * recurs with every attempt.
 */
export function noteServerProblem(progress: ProgressDisplay): (problem: unknown) => void {
  let last: string | undefined;
  return (problem) => {
    if (!isOrangeryError(problem) || problem.code === last || !problem.retryable) return;
    last = problem.code;
    progress.note(`${problem.message} Waiting for it.`);
  };
}
