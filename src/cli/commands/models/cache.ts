import { cacheFolder } from "../../../base/files/cache-folder.ts";
import { printable } from "../../../base/printable.ts";
import { formatBytes, formatPlural } from "../../../base/quantities.ts";
import { type CacheEntry, clearCache, listCache } from "../../../models/saved/cache-contents.ts";
import { displayPath } from "../../options/caller-paths.ts";
import { exitStatus } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatTable } from "../../output/table.ts";

export type CacheAction = "list" | "clear";

/** Runs `orangery cache`; resolves to the exit status. */
export async function cache(
  output: StandardOutput,
  action: CacheAction,
  { json = false }: { readonly json?: boolean },
): Promise<number> {
  const folder = cacheFolder();
  const where =
    folder === undefined ? "no cache folder: set ORANGERY_CACHE" : `in ${displayPath(folder)}`;
  if (action === "list") {
    const entries = await listCache();
    if (json) await output.writeJson({ folder, bytes: bytesOf(entries), entries });
    else await output.write(`${formatEntries(entries)}${describe(entries)}, ${where}\n`);
    return exitStatus.ok;
  }
  const { cleared, failed } = await clearCache();
  if (json) await output.writeJson({ folder, bytes: bytesOf(cleared), cleared, failed });
  else await output.write(`Cleared ${describe(cleared)}, ${where}\n`);
  for (const { path, reason } of failed) {
    process.stderr.write(`orangery: Cannot remove ${displayPath(path)}: ${reason}\n`);
  }
  return failed.length === 0 ? exitStatus.ok : exitStatus.error;
}

function describe(entries: readonly CacheEntry[]): string {
  return `${formatPlural(entries.length, "file")}, ${formatBytes(bytesOf(entries))}`;
}

function bytesOf(entries: readonly CacheEntry[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes, 0);
}

function formatEntries(entries: readonly CacheEntry[]): string {
  if (entries.length === 0) return "";
  const columns = [
    { title: "Model" },
    { title: "Precision" },
    { title: "Size", align: "right" },
    { title: "Last used" },
    { title: "State" },
  ] as const;
  const rows = entries.map(({ name, precision = "its own", bytes, usedAt, state }) => [
    printable(name),
    precision,
    formatBytes(bytes),
    usedAt.toISOString().slice(0, 16).replace("T", " "),
    state,
  ]);
  return `${formatTable(columns, rows)}\n`;
}
