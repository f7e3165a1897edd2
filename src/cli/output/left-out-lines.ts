import { printable } from "../../base/printable.ts";
import { formatCount, formatPlural } from "../../base/quantities.ts";
import type { LeftOutCounts } from "../../pipeline/photos/left-out.ts";

/** Names that are listed; the others are summed. */
const listedNames = 8;

/** Formats what folders held besides photos, a line each for files and folders. */
export function formatLeftOut({ files, byExtension, folders }: LeftOutCounts): string[] {
  const folderCount = Object.values(folders).reduce((sum, count) => sum + count, 0);
  return [
    ...(files > 0 ? [`${formatPlural(files, "file")} left out: ${list(byExtension)}`] : []),
    ...(folderCount > 0
      ? [`${formatPlural(folderCount, "folder")} left out: ${list(folders)}`]
      : []),
  ];
}

function list(counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts);
  const shown = all.slice(0, listedNames);
  const rest = all.slice(listedNames).reduce((sum, [, count]) => sum + count, 0);
  const texts = shown.map(([name, count]) => `${formatCount(count)} ${printable(name)}`);
  return [...texts, ...(rest > 0 ? [`${formatCount(rest)} of other names`] : [])].join(", ");
}
