/**
 * How long the control room's questions about many photos take:
 * `node bench/browse.ts results.db`, or a `postgres://…`, of results that `bench/thresholds.ts` has
 * made. It adds lists of photos to review, and changes nothing else.
 */
import type { EntryFilter } from "../src/ledger/browse/entry-filter.ts";
import type { PhotoOrder } from "../src/ledger/browse/photo-page.ts";
import { readPhotoPage } from "../src/ledger/browse/photo-pages.ts";
import { readRecipeChoices } from "../src/ledger/browse/progress.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import { changeableEntryStates, type PhotoChange } from "../src/ledger/management/change-photos.ts";
import { countEntries } from "../src/ledger/management/select-entries.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { drawReviewList } from "../src/ledger/review/draw-list.ts";
import type { ReviewListKind } from "../src/ledger/review/review-list.ts";

/** As the control room asks. */
const [limit, budgetMs] = [60, 250];

await using ledger = await openLedger(process.argv[2] ?? "results.db");
const recipeId = (await readRecipeChoices(ledger)).newestId!;
let longestReadMs = 0;
const timed: Ledger = {
  location: ledger.location,
  isInProcess: ledger.isInProcess,
  identity: (options) => ledger.identity(options),
  async read(work, options) {
    const startMs = performance.now();
    const value = await ledger.read(work, options);
    longestReadMs = Math.max(longestReadMs, performance.now() - startMs);
    return value;
  },
  write: (work, options) => ledger.write(work, options),
  [Symbol.asyncDispose]: async () => {},
};
console.log("| question | found | first ms | ms | longest read ms | CPU ms |");
console.log("|---|--:|--:|--:|--:|--:|");

async function time(name: string, ask: () => Promise<{ found: number; firstMs?: number }>) {
  longestReadMs = 0;
  const [startMs, cpu] = [performance.now(), process.cpuUsage()];
  const { found, firstMs } = await ask();
  const ms = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  const times = [firstMs ?? ms, ms, longestReadMs, (user + system) / 1000];
  console.log(`| ${[name, found, ...times.map((value) => value.toFixed(0))].join(" | ")} |`);
}

async function timePage(name: string, order: PhotoOrder, filter: EntryFilter = {}, from = "") {
  await time(name, async () => {
    const startMs = performance.now();
    let [found, firstMs]: [number, number | undefined] = [0, undefined];
    for (let after: string | undefined = from; after !== undefined && found < limit; ) {
      const options = { recipeId, order, filter, limit, budgetMs };
      const page = await readPhotoPage(timed, after === "" ? options : { ...options, after });
      firstMs ??= performance.now() - startMs;
      found += page.photos.length;
      after = page.next;
    }
    return { found, firstMs: firstMs! };
  });
}

async function pageKey(order: PhotoOrder, pages: number): Promise<string> {
  let after: string | undefined;
  for (let page = 0; page < pages; page++) {
    after = (await readPhotoPage(ledger, { recipeId, order, limit, after })).next;
  }
  return after!;
}

const [className, none, some] = ["weed", 0.96, 0.949];
const under = (
  await readPhotoPage(ledger, { recipeId, limit: 1, after: "/photos/0300" })
).photos[0]!.source.replace(/\/[^/]*$/, "");
await timePage("by name", "name");
await timePage("by name, in the middle", "name", {}, `${under}/`);
await timePage("newest", "newest");
await timePage("a folder", "name", { under });
for (const order of ["most", "fewest", "surest", "unsurest"] as const) {
  await timePage(order, order);
  await timePage(`${order}, of a class`, order, { className });
  await timePage(`${order}, the 20th page`, order, {}, await pageKey(order, 20));
  await timePage(`${order}, in a folder`, order, { under });
}
await timePage("best score, rare name", "surest", { nameContains: "0300123" });
await timePage("failed", "name", { state: "failed" });
await timePage("rare name", "name", { nameContains: "0300123" });
await timePage("no such count", "name", { minCount: 1000 });
await timePage("no such count of a class", "name", { minCount: 1000, className });
await timePage("no such score", "name", { minScore: none });
await timePage("no such score of a class", "name", { minScore: none, className });
await timePage("a rare score", "name", { minScore: some });
await timePage("a rare score, newest", "newest", { minScore: some });
await timePage("a frequent score", "name", { minScore: 0.5 });
await timePage("nothing between scores", "name", { minScore: 0.6, maxScore: 0.600001 });
const changes: readonly (readonly [string, PhotoChange, EntryFilter])[] = [
  ["all", "exclude", {}],
  ["failed", "retry", {}],
  ["a folder", "exclude", { under }],
  ["a score", "exclude", { minScore: 0.9 }],
  ["a count of a class", "exclude", { className, minCount: 20 }],
  ["a name", "exclude", { nameContains: "123" }],
];
for (const [name, change, filter] of changes) {
  const states = changeableEntryStates[change];
  await time(`count before a change: ${name}`, async () => ({
    found: await countEntries(timed, { recipeId, filter, states }),
  }));
}
const browsedMb = process.resourceUsage().maxRSS / 1024;
for (const kind of ["sample", "threshold", "outliers", "warnings"] satisfies ReviewListKind[]) {
  await time(`choosing a list: ${kind}`, async () => {
    const list = await drawReviewList(timed, { recipeId, kind, seed: 1, by: "bench" });
    return { found: list.photos };
  });
}
const mostMb = process.resourceUsage().maxRSS / 1024;
console.log(`peak memory: ${browsedMb.toFixed(0)} MB, with lists ${mostMb.toFixed(0)} MB`);
