/** Asks a results file with SQL: `node examples/sql-on-results.ts results.db`. */
import { DatabaseSync } from "node:sqlite";

const [resultsFile = "results.db"] = process.argv.slice(2);

// Reading is safe while a run is at work; docs/ledger.md describes the views and tables.
using results = new DatabaseSync(resultsFile, { readOnly: true });

// A results file may hold several recipes, so ask about one: here that of the newest result.
const newest = results.prepare(`
  select recipe.hash
  from result
  join recipe on recipe.id = result.recipe_id
  order by result.id desc
  limit 1
`);
const { hash: recipe = null } = newest.get() ?? {};

const crowded = results.prepare(`
  select source, region, count, round(per_megapixel) as density
  from count_by_region
  where recipe_hash = ? and name = ?
  order by per_megapixel desc
  limit 3
`);
console.log("The most crowded beds:");
for (const { source, region, count, density } of crowded.all(recipe, "plant")) {
  const photo = String(source).split(/[\\/]/).at(-1);
  console.log(`  ${photo}, bed ${region}: ${count} plants, ${density} per megapixel`);
}

const total = results.prepare(`
  select sum(count) as plants, sum(photos) as photos, (
    select count(*) from photo_result where recipe_hash = :recipe and state = 'done'
  ) as done
  from count_by_class
  where recipe_hash = :recipe and name = 'plant'
`);
const { plants, photos, done } = total.get({ recipe }) ?? {};
console.log(`No plants on ${Number(done) - Number(photos)} of ${done} photos`);
console.log(`${plants ?? 0} plants on ${photos ?? 0} photos`);
