import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { forkProgram, type WorkerExit } from "./start-process.ts";

test("a process starts where nobody can make the folder of compiled modules", {
  skip: process.platform !== "linux" && "needs /proc",
  timeout: 60_000,
}, async (context) => {
  const folder = await mkdtemp(join(tmpdir(), "orangery-start-"));
  const { ORANGERY_CACHE: before, NODE_V8_COVERAGE: coverage } = process.env;
  process.env.ORANGERY_CACHE = "/proc/orangery";
  // With it, nothing is compiled for the next process.
  delete process.env.NODE_V8_COVERAGE;
  const file = join(folder, "program.mjs");
  await writeFile(file, "process.exit(process.env.NODE_COMPILE_CACHE?.includes('/proc') ? 1 : 7);");
  const ended = Promise.withResolvers<WorkerExit>();
  const started = forkProgram(pathToFileURL(file))({
    onMessage: () => {},
    onError: ended.reject,
    onExit: ended.resolve,
    onSilence: () => {},
  });
  context.after(async () => {
    started.kill();
    if (before === undefined) delete process.env.ORANGERY_CACHE;
    else process.env.ORANGERY_CACHE = before;
    if (coverage !== undefined) process.env.NODE_V8_COVERAGE = coverage;
    await rm(folder, { recursive: true });
  });
  assert.deepEqual(await ended.promise, { status: 7, signal: null });
});
