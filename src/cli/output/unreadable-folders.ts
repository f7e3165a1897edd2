import { printable } from "../../base/printable.ts";
import { displayPath } from "../options/caller-folder.ts";
import type { ProgressDisplay } from "./progress-display.ts";

/** Tells of each folder that cannot be listed, and adds it to `folders`. */
export function printUnreadableFolders(
  progress: ProgressDisplay,
  folders: string[],
): (folder: string, error: unknown) => void {
  return (folder, error) => {
    folders.push(folder);
    progress.note(`Cannot read ${displayPath(folder)}: ${printable(String(error))}`);
  };
}
