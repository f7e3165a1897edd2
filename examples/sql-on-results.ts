/** Asks a results file with SQL: `node examples/sql-on-results.ts results.db`. */
import { DatabaseSync } from "node:sqlite";

const [resultsFile = "results.db"] = process.argv.slice(2);

// Reading is safe while a run is at work; docs/ledger.md describes the views and tables.
using results = new DatabaseSync(resultsFile, { readOnly: true });

const crowded = results.prepare(`
  select source, region, count, round(per_megapixel) as density
  from count_by_region
  where name = ?
  order by per_megapixel desc
  limit 3
`);
console.log("The most crowded beds:");
for (const { source, region, count, density } of crowded.all("plant")) {
  const photo = String(source).split(/[\\/]/).at(-1);
  console.log(`  ${photo}, bed ${region}: ${count} plants, ${density} per megapixel`);
}

const total = results.prepare(`
  select count as plants, photos, (select count(*) from photo_result where state = 'done') as done
  from count_by_class
  where name = ?
`);
const { plants = 0, photos = 0, done = 0 } = total.get("plant") ?? {};
console.log(`No plants on ${Number(done) - Number(photos)} of ${done} photos`);
console.log(`${plants} plants on ${photos} photos`);
