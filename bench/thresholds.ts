/**
 * How long questions about thresholds take, of a database with many objects that this makes:
 * `node bench/thresholds.ts results.db 600000`, or a `postgres://…` in the place of the file. It
 * takes about 6 KB a photo and several minutes; delete it afterwards.
 */
import { openLedger } from "../src/ledger/open-ledger.ts";
import { createRecipe } from "../src/ledger/recipe.ts";
import { readCounts, readCountTotals } from "../src/ledger/results/read-counts.ts";
import type { PhotoResult } from "../src/ledger/results/result-rows.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { readRecipes } from "../src/ledger/results/stored-results.ts";
import { Detections } from "../src/vision/detections.ts";
import { table } from "./figures.ts";

const names = ["plant", "weed", "stone"];
const photosAtOnce = 1000;
/** Some 83 objects on average, as on 600,000 photos with 50 million. */
const mostObjects = 166;

const [location = "results.db", photos = "20000"] = process.argv.slice(2);
const recipe = createRecipe({ detect: { sha256: "d".repeat(64), confidence: 0.25 } });
const results = Array.from({ length: 300 }, randomResult);

await using ledger = await openLedger(location);
const store = await ResultStore.open(ledger, recipe);
for (let from = 0; from < Number(photos); from += photosAtOnce) {
  const count = Math.min(photosAtOnce, Number(photos) - from);
  await store.record(Array.from({ length: count }, (_, i) => photoOf(from + i)));
}

const question = { minScore: 0.5 };
const asked = { recipeHash: recipe.hash, question };
const rows: string[][] = [];
for (const [name, ask] of Object.entries({
  "states and totals as counted": async () => (await readRecipes(ledger))[0]!.objectCount,
  "totals above 0.5": async () => (await readCountTotals(ledger, asked)).objectCount,
  "photo by photo above 0.5": async () => {
    let objects = 0;
    for await (const { objectCount } of readCounts(ledger, asked)) objects += objectCount;
    return objects;
  },
})) {
  const [start, before] = [performance.now(), process.cpuUsage()];
  const objects = await ask();
  const cpu = process.cpuUsage(before);
  const seconds = [performance.now() - start, (cpu.user + cpu.system) / 1000];
  rows.push([name, String(objects), ...seconds.map((ms) => (ms / 1000).toFixed(1))]);
}
console.log(table(["question", "objects", "s", "CPU s"], rows));

function randomResult(): PhotoResult {
  const length = 1 + Math.floor(mostObjects * Math.random());
  const scores = Float32Array.from({ length }, () => 0.25 + 0.7 * Math.random());
  const classIds = Int32Array.from({ length }, () => Math.floor(names.length * Math.random()));
  const objects = new Detections({
    names,
    classIds,
    scores: scores.sort().reverse(),
    boxesXyxy: Float32Array.from({ length: 4 * length }, () => 4000 * Math.random()),
  });
  const counts = Array.from(objects.countByName(), ([name, count]) => ({ region: 0, name, count }));
  const about = { widthPx: 4000, heightPx: 3000, device: "cpu", timingsMs: {}, sliceCount: 1 };
  return { ...about, objects, counts };
}

function photoOf(number: number) {
  const digits = String(number).padStart(7, "0");
  return {
    source: `/photos/${digits.slice(0, 4)}/${digits}.jpg`,
    sizeBytes: 1,
    mtimeUs: 1,
    contentSha256: number.toString(16).padStart(64, "0"),
    result: results[number % results.length]!,
  };
}
