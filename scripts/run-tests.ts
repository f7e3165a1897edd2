/**
 * Runs the tests beside the code and those of whole commands, with coverage in coverage/lcov.info.
 * Files run side by side, the long ones first, so that none is left to run alone at the end. Those
 * beside the code share a process for each layer: most of them take less time than a process does.
 */
import {
  createWriteStream,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { lcov, spec } from "node:test/reporters";
import { pathToFileURL } from "node:url";
import { bundleFixtures } from "./bundle-fixtures.ts";
import { TestProcesses } from "./test-processes.ts";

/** What is slower than these has hung: on busy machines the longest of each takes a third. */
const limitsMs = { test: 4 * 60_000, file: 7 * 60_000, run: 25 * 60_000 };

const longest = [
  "fleet-chaos",
  "celery-chaos",
  "celery-redis",
  "fleet-supervisor",
  "fleet-memory",
  "artifacts",
  "package",
  "checkpoint-fuzz",
  "pipeline",
  "memory",
  "run",
].map((name) => join("test", `${name}.test.ts`));
const own = mkdtempSync(join(tmpdir(), "orangery-tests-"));
process.once("exit", () => rmSync(own, { recursive: true, force: true }));
// Types are stripped once for all processes, which is most of what starting one costs.
process.env.NODE_COMPILE_CACHE = join(own, "compile-cache");
// The program is tested as it is published. A file that is run by hand starts the sources.
process.env.ORANGERY_TEST_PROGRAM = resolve("dist/cli/main.js");
process.env.ORANGERY_TEST_FIXTURES = resolve("dist/fixtures");
await bundleFixtures(process.env.ORANGERY_TEST_FIXTURES);
const files = new Set([...longest, ...globSync("test/**/*.test.ts"), ...layers()]);

mkdirSync("coverage", { recursive: true });
const processes = new TestProcesses({
  folder: own,
  fileLimitMs: limitsMs.file,
  runLimitMs: limitsMs.run,
  onRunLimit: () => process.exit(1),
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    processes.kill();
    process.exit(1);
  });
}
const events = run({
  files: [...files],
  // One more than there are cores: some wait while others compute.
  concurrency: availableParallelism() + 1,
  coverage: true,
  timeout: limitsMs.test,
  execArgv: [
    ...processes.nodeArguments,
    "--import",
    new URL("cover-tests.ts", import.meta.url).href,
  ],
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
if (!(await processes.close())) process.exitCode = 1;

/** Writes a file for each layer that has the tests of all its files, each in a suite of its own. */
function layers(): string[] {
  const files = globSync("src/**/*.test.ts").sort();
  const byLayer = Map.groupBy(files, (file) => file.split(sep).slice(1, -1)[0] ?? "root");
  return Array.from(byLayer, ([layer, tests]) => {
    const suites = tests.map((file) => {
      const url = pathToFileURL(resolve(file)).href;
      return `describe(${JSON.stringify(file)}, async () => { await import("${url}"); });\n`;
    });
    const path = join(own, `src-${layer}.test.mjs`);
    writeFileSync(path, `import { describe } from "node:test";\n${suites.join("")}`);
    return path;
  });
}
