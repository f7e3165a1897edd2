import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { openLedger } from "../../ledger/open-ledger.ts";
import { readRecipes } from "../../ledger/results/stored-results.ts";
import { PhotoJob } from "./photo-job.ts";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-job-"));
  const create = { width: 64, height: 48, channels: 3, background: "#654321" } as const;
  await sharp({ create }).toFile(join(folder, "soil.png"));
});
after(() => rm(folder, { recursive: true, force: true }));

test("a job that is closed ends its run, which would watch for ever, and keeps what is done", async () => {
  const resultsFile = join(folder, "results.db");
  const detect = { file: "sample:seedlings" };
  const watch = { settleMs: 0, everyMs: 0 };
  const job = await PhotoJob.open({ paths: [folder], resultsFile, detect, watch });
  const counted = Promise.withResolvers<void>();
  const running = job.run({ onPhoto: () => counted.resolve() });
  await Promise.race([counted.promise, running]);
  await job[Symbol.asyncDispose]();
  await running;
  const closed = { code: "INVALID_ARGUMENT", message: /^Expected an open job, .* was closed/ };
  await assert.rejects(job.run(), closed);
  await assert.rejects(job.add(), closed);
  await using ledger = await openLedger(resultsFile, { readOnly: true });
  assert.deepEqual(
    (await readRecipes(ledger)).map(({ done, left }) => [done, left]),
    [[1, 0]],
  );
});
