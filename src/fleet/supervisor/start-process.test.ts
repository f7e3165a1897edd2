import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { enableCompileCache } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { forkProgram, type WorkerExit } from "./start-process.ts";

const given = { ...process.env };
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-start-"));
  // With it, nothing is compiled for the next process.
  delete process.env.NODE_V8_COVERAGE;
});
after(async () => {
  Object.assign(process.env, given);
  if (given.ORANGERY_CACHE === undefined) delete process.env.ORANGERY_CACHE;
  await rm(folder, { recursive: true });
});

/** Starts a process that ends with status 7 where an expression holds, and returns its end. */
async function startProcess(expression: string): Promise<WorkerExit> {
  const file = join(folder, "program.mjs");
  await writeFile(file, `process.exit(${expression} ? 7 : 1);`);
  const ended = Promise.withResolvers<WorkerExit>();
  const started = forkProgram(pathToFileURL(file))({
    onMessage: () => {},
    onError: ended.reject,
    onExit: ended.resolve,
    onSilence: () => {},
  });
  try {
    return await ended.promise;
  } finally {
    started.kill();
  }
}

test("a process starts where nobody can make the folder of compiled modules", {
  skip: process.platform !== "linux" && "needs /proc",
  timeout: 60_000,
}, async () => {
  process.env.ORANGERY_CACHE = "/proc/orangery";
  const { status } = await startProcess("!process.env.NODE_COMPILE_CACHE?.includes('/proc')");
  assert.equal(status, 7);
});

test("a process uses the folder of compiled modules where its parent does", async () => {
  process.env.ORANGERY_CACHE = folder;
  delete process.env.NODE_COMPILE_CACHE;
  const compiled = join(folder, "compiled");
  enableCompileCache(compiled);
  const { status } = await startProcess(
    `process.env.NODE_COMPILE_CACHE === ${JSON.stringify(compiled)}`,
  );
  assert.equal(status, 7);
});
