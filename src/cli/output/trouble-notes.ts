import { printable } from "../../base/printable.ts";
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

/** Prints that Redis is away, once for each kind of trouble: it occurs again with every attempt. */
export function noteQueueTrouble(progress: ProgressDisplay): (error: Error) => void {
  let last: string | undefined;
  return ({ message }) => {
    if (message === last) return;
    last = message;
    progress.note(`The queue cannot be reached (${message}); waiting for Redis.`);
  };
}
