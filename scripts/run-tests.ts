/**
 * Runs the tests beside the code and those of whole commands, with coverage in coverage/lcov.info.
 * Files run side by side, the long ones first, so that none is left to run alone at the end.
 */
import { createWriteStream, globSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { lcov, spec } from "node:test/reporters";

const longest = [
  "fleet-chaos",
  "fleet-supervisor",
  "fleet-memory",
  "artifacts",
  "package",
  "checkpoint-fuzz",
  "pipeline",
  "memory",
  "run",
].map((name) => join("test", `${name}.test.ts`));
const files = new Set([
  ...longest,
  ...globSync("test/**/*.test.ts"),
  ...globSync("src/**/*.test.ts"),
]);

// Types are stripped once for all processes, which is most of what starting one costs.
const compileCache = mkdtempSync(join(tmpdir(), "orangery-compile-cache-"));
process.env.NODE_COMPILE_CACHE = compileCache;
process.once("exit", () => rmSync(compileCache, { recursive: true, force: true }));

mkdirSync("coverage", { recursive: true });
const events = run({
  files: [...files],
  // One more than there are cores: some wait while others compute.
  concurrency: availableParallelism() + 1,
  coverage: true,
  execArgv: ["--import", new URL("cover-tests.ts", import.meta.url).href],
  coverageIncludeGlobs: ["src/**"],
  coverageExcludeGlobs: ["src/**/*.test.ts", "src/**/*.fixture.ts"],
});
events.on("test:fail", () => {
  process.exitCode = 1;
});
await Promise.all([
  pipeline(events.compose(spec), process.stdout, { end: false }),
  pipeline(events.compose(lcov), createWriteStream("coverage/lcov.info")),
]);
