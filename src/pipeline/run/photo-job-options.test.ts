import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PhotoJob } from "./photo-job.ts";
import type { AddOptions, PhotoJobOptions, PhotoJobRunOptions } from "./photo-job-options.ts";

let folder: string;
let least: PhotoJobOptions;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-job-"));
  const detect = { file: "sample:seedlings" };
  least = { paths: [folder], resultsFile: join(folder, "results.db"), detect };
});
after(() => rm(folder, { recursive: true, force: true }));

const detect = (model: object) => ({ detect: { file: "sample:seedlings", ...model } });
const wrong: [what: string, options: object][] = [
  ["a path for a list of paths", { paths: "photos" }],
  ["no paths", { paths: undefined }],
  ["no results file", { resultsFile: undefined }],
  ["a text for a list", { list: "a.jpg" }],
  ["a text for a choice", { retry: "no" }],
  ["watching without options", { watch: true }],
  ["a controller for its signal", { signal: new AbortController() }],
  ["no model", { detect: undefined }],
  ["a path for a model", { detect: "sample:seedlings" }],
  ["a path for regions", { regions: "plots.geojson" }],
  ["a model with a misspelt name", detect({ optons: { confidence: 0.9 } })],
  ["options of a model that are none", detect({ options: 0.9 })],
  ["options of a model with a misspelt name", detect({ options: { confidance: 0.9 } })],
  ["a misspelt name of watching", { watch: { settle: 500 } }],
  ["a misspelt name", { slicng: { slice: 640 } }],
];
for (const [what, options] of wrong) {
  test(`a job does not take ${what}`, async () => {
    const opening = PhotoJob.open({ ...least, ...options } as PhotoJobOptions);
    await assert.rejects(opening, { code: "INVALID_ARGUMENT" });
  });
}

test("a job is not opened without options", async () => {
  for (const options of [undefined, null]) {
    const opening = PhotoJob.open(options as unknown as PhotoJobOptions);
    await assert.rejects(opening, { code: "INVALID_ARGUMENT" });
  }
});

test("adding photos does not take listeners that are none, nor other names", async () => {
  await using job = await PhotoJob.open(least);
  for (const options of [{ onFound: 5 }, { onfound() {} }, { signal: {} }, null]) {
    await assert.rejects(job.add(options as AddOptions), { code: "INVALID_ARGUMENT" });
  }
});

test("a run does not take what cannot end it, listeners that are none, nor other names", async () => {
  await using job = await PhotoJob.open(least);
  for (const options of [{ stop: new AbortController() }, { onPhoto: 5 }, { onphoto() {} }]) {
    await assert.rejects(job.run(options as PhotoJobRunOptions), { code: "INVALID_ARGUMENT" });
  }
});
