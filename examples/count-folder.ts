/**
 * Counts plants on a folder of photos, as `orangery run` does, and reads the results:
 * `node examples/count-folder.ts [folder] [results.db]`. Stop it in any way and start it again: it
 * resumes.
 */
import { basename, join } from "node:path";
import { openLedger, PhotoJob, readFailures, readResults } from "orangery/run";

const [folder = join(import.meta.dirname, "photos"), resultsFile = "results.db"] =
  process.argv.slice(2);

await using job = await PhotoJob.open({
  paths: [folder],
  resultsFile,
  segment: { file: "sample:beds" },
  detect: { file: "sample:seedlings", options: { confidence: 0.3 } },
  slicing: { slice: 1280, overlap: 0.2 },
});
const photos = await job.add();
let inferred = 0;
await job.run({ onPhoto: ({ outcome }) => void (outcome === "inferred" && inferred++) });
console.log(`${photos} photos, ${inferred} of them inferred in this run`);

// A results file may hold several recipes: without the job's own, all of them are read.
const { recipeHash } = job;
await using ledger = await openLedger(resultsFile, { readOnly: true });
for await (const { source, counts, regions } of readResults(ledger, { recipeHash })) {
  const plants = counts.find(({ region, name }) => region === 0 && name === "plant")?.count ?? 0;
  console.log(`${basename(source)}: ${plants} plants, beds: ${regions?.length ?? 0}`);
}
for await (const { source, reason } of readFailures(ledger, { recipeHash })) {
  console.log(`${basename(source)}: no result: ${reason.code}`);
}
