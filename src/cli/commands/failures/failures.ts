import { printable } from "../../../base/printable.ts";
import { formatCount, formatPlural } from "../../../base/quantities.ts";
import type { FailureCount } from "../../../fleet/management/count-failures.ts";
import { shortHashLength } from "../../../results/choose-recipe.ts";
import { toCsv } from "../../../results/export/tables/csv.ts";
import { adviseOn } from "../../../results/failure-advice.ts";
import { displayPath } from "../../options/caller-paths.ts";
import type { TakenArguments } from "../../options/results-options.ts";
import { inPages } from "../../output/pages.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatTable } from "../../output/table.ts";
import type { FailureRow, FailureSource } from "./failure-source.ts";

export interface FailuresArguments extends TakenArguments {
  readonly queue?: string;
  readonly queueUrl: string;
  readonly recipe?: string;
  readonly under?: string;
  readonly code?: string;
  readonly limit?: number;
  readonly csv?: boolean;
  readonly json?: boolean;
}

const shownInTable = 50;
const shownLetters = 100;

/** Runs `orangery failures`. */
export async function listFailures(
  output: StandardOutput,
  results: string | undefined,
  options: FailuresArguments,
): Promise<void> {
  const { csv, json } = options;
  await using source = await openSource(results, options);
  if (csv || json) {
    const rows = withAdvice(firstOf(source.read(), options.limit ?? 0));
    if (csv) {
      for await (const line of toCsv(columns, rows)) await output.write(line);
    } else {
      for await (const row of rows) await output.writeJson(row);
    }
    return;
  }
  const { limit = shownInTable } = options;
  let shown = 0;
  await inPages(source.read(limit), { limit }, async (page) => {
    shown += page.length;
    await output.write(failureTable(page));
    return !output.isClosed;
  });
  if (shown === 0) {
    const { code, under, recipe, takenAfter, takenBefore } = options;
    const isNarrowed = [code, under, recipe, takenAfter, takenBefore].some(Boolean);
    const match = isNarrowed ? " match the options" : "";
    const none = `No failed photos in ${source.name}${match}\n`;
    return await output.write((await source.describeNone()) || none);
  }
  // Counting scans all of them, so the first rows are printed before it.
  const counts = await source.count();
  await output.write(describeCounts(counts, { shown, source }));
}

/** Imported late: results need no queue, and a queue no database. */
async function openSource(
  results: string | undefined,
  options: FailuresArguments,
): Promise<FailureSource> {
  const { queue } = options;
  if (queue !== undefined) {
    const { openQueueFailures } = await import("./queue-failures.ts");
    return await openQueueFailures({ ...options, queue });
  }
  const { openLedgerFailures } = await import("./ledger-failures.ts");
  return await openLedgerFailures(results, options);
}

const columns = ["photo", "recipe", "code", "message", "todo"];

async function* withAdvice(rows: AsyncIterable<FailureRow>) {
  for await (const { photo, recipe, code, message } of rows) {
    yield { photo, recipe, code, message, todo: adviceOn(code) };
  }
}

async function* firstOf<T>(items: AsyncIterable<T>, limit: number): AsyncGenerator<T> {
  let count = 0;
  for await (const item of items) {
    yield item;
    count++;
    if (count === limit) return;
  }
}

function describeCounts(
  counts: readonly FailureCount[],
  { shown, source }: { readonly shown: number; readonly source: FailureSource },
): string {
  const total = counts.reduce((sum, { count }) => sum + count, 0);
  const rest = shown < total ? `; ${formatCount(shown)} are shown, --limit 0 shows all` : "";
  const summary = `${formatPlural(total, "photo")} without a result in ${source.name}${rest}:`;
  return `\n${summary}\n\n${countTable(counts)}\n${source.hint}\n`;
}

function countTable(counts: readonly FailureCount[]): string {
  return formatTable(
    [
      { title: "Photos", align: "right" },
      { title: "Code" },
      { title: "What it means, and what to do" },
    ],
    counts.map(({ code, count }) => [
      formatCount(count),
      code ?? "-",
      code === undefined ? "An error of a task: read the reason." : explain(code),
    ]),
  );
}

function explain(code: string): string {
  const { meaning, advice } = adviseOn(code);
  return `${meaning} ${advice}`;
}

function adviceOn(code: string | undefined): string | undefined {
  return code === undefined ? undefined : adviseOn(code).advice;
}

function failureTable(rows: readonly FailureRow[]): string {
  return formatTable(
    [{ title: "Photo" }, { title: "Recipe" }, { title: "Code" }, { title: "Reason" }],
    rows.map(({ photo, recipe, code, message }) => [
      displayPath(photo),
      recipe?.slice(0, shortHashLength) ?? "-",
      code ?? "-",
      shorten(printable(message)),
    ]),
  );
}

function shorten(text: string): string {
  return text.length > shownLetters ? `${text.slice(0, shownLetters - 1)}…` : text;
}
