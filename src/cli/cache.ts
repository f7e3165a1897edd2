import { type CacheEntry, clearCache, listCache } from "../models/cache-contents.ts";
import { cacheFolder } from "../models/cache-folder.ts";
import { formatBytes } from "./bytes.ts";
import { printable } from "./printable.ts";
import { formatPlural } from "./quantities.ts";
import type { StandardOutput } from "./standard-output.ts";
import { formatTable } from "./table.ts";

export type CacheAction = "list" | "clear";

/** Does what `orangery cache` was asked for. */
export async function cache(
  output: StandardOutput,
  action: CacheAction,
  { json = false }: { readonly json?: boolean },
): Promise<void> {
  const entries = await (action === "clear" ? clearCache() : listCache());
  const folder = cacheFolder();
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  if (json) {
    await output.writeJson({
      folder,
      bytes,
      [action === "clear" ? "cleared" : "entries"]: entries,
    });
    return;
  }
  const what = `${formatPlural(entries.length, "file")}, ${formatBytes(bytes)}`;
  if (action === "clear") await output.write(`Cleared ${what}, in ${folder}\n`);
  else await output.write(`${formatEntries(entries)}${what}, in ${folder}\n`);
}

function formatEntries(entries: readonly CacheEntry[]): string {
  if (entries.length === 0) return "";
  const columns = [
    { title: "Model" },
    { title: "Size", align: "right" },
    { title: "Last used" },
    { title: "State" },
  ] as const;
  const rows = entries.map(({ kind, name, bytes, usedAt, state }) => [
    printable(name),
    formatBytes(bytes),
    usedAt.toISOString().slice(0, 16).replace("T", " "),
    kind === "sample" ? "sample" : state,
  ]);
  return `${formatTable(columns, rows)}\n`;
}
