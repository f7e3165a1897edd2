/**
 * Runs the tests beside the code and those of whole commands, with coverage in coverage/lcov.info.
 * Files run side by side, the long ones first, so that none is left to run alone at the end. Those
 * beside the code share a process for each layer: most of them take less time than a process does.
 * So do short ones of commands, with the process in which the commands run.
 *
 * With `--check`, `npm run check` runs beside them: what it finds ends the tests.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
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
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { lcov, spec } from "node:test/reporters";
import { pathToFileURL } from "node:url";
import { findCelery } from "../test/servers/celery-python.ts";
import { bundleFixtures } from "./bundle-fixtures.ts";
import { TestProcesses } from "./test-processes.ts";

/** What is slower than these has hung: on busy machines the longest of each takes a third. */
const limitsMs = { test: 4 * 60_000, file: 7 * 60_000, run: 25 * 60_000 };

/** By what they take, the longest first; those that mostly wait lie between those that compute. */
const longest = [
  "package",
  "celery-redis",
  "fleet-chaos",
  "celery-rabbitmq",
  "celery-chaos",
  "fleet-supervisor",
  "quantize",
  "fleet-refusals",
  "checkpoint-fuzz",
  "docs-tasks",
  "run",
  "fleet-memory",
  "fleet-day",
  "pipeline",
  "memory",
  "dashboard-review",
  "artifacts",
  "dashboard-management",
  "thresholds",
  "dashboard-browser",
  "report-browser",
].map(fileOf);
/** Files that share a process, by its name: short ones, which set nothing for their process. */
const shared = {
  "commands-on-photos": ["cli", "model-files", "photos-command", "predict", "run-photos"],
  "commands-on-results": [
    ...["compare", "dashboard", "export-results", "moved-photos", "recipes", "report", "review"],
    ...["segmented-objects", "summary"],
  ],
};
/**
 * Those beside the code that run for long through code that others run as well: in a process that
 * is not measured, which takes a third to a half off their time.
 */
const unmeasured = new Set(
  [
    "graph/quantize/quantize-model",
    "graph/yolo/random-yolo",
    "graph/yolo/create-yolo-model",
    "results/review/estimates",
    "vision/photo/picture-on-disk",
    "vision/slices/merge-detections",
  ].map((name) => join("src", `${name}.test.ts`)),
);
const own = mkdtempSync(join(tmpdir(), "orangery-tests-"));
process.once("exit", () => rmSync(own, { recursive: true, force: true }));
const processes = new TestProcesses({
  folder: own,
  fileLimitMs: limitsMs.file,
  runLimitMs: limitsMs.run,
  onRunLimit: () => process.exit(1),
});
const giveUp = () => {
  processes.kill();
  process.exit(1);
};
process.once("SIGINT", giveUp).once("SIGTERM", giveUp);
const checking = process.argv.includes("--check") ? check() : undefined;
checking?.catch(giveUp);
// Types are stripped once for all processes, which is most of what starting one costs.
process.env.NODE_COMPILE_CACHE = join(own, "compile-cache");
// The program is tested as it is published. A file that is run by hand starts the sources.
process.env.ORANGERY_TEST_PROGRAM = resolve("dist/cli/main.js");
process.env.ORANGERY_TEST_FIXTURES = resolve("dist/fixtures");
await bundleFixtures(process.env.ORANGERY_TEST_FIXTURES);
// Once, not by each file that needs it.
findCelery();
const sharing = new Set(Object.values(shared).flat().map(fileOf));
const alone = globSync("test/**/*.test.ts").filter((file) => !sharing.has(file));
const together = Object.entries(shared).map(([name, names]) =>
  writeSuites(name, names.map(fileOf), ["test/cli.fixture.ts"]),
);
// What is left at the end is short.
const files = new Set([...longest, ...layers(), ...together, ...alone]);

mkdirSync("coverage", { recursive: true });
const events = run({
  files: [...files],
  // Two more than there are cores: some wait while others compute.
  concurrency: availableParallelism() + 2,
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
  checking,
]);
if (!(await processes.close())) process.exitCode = 1;

/** Runs `npm run check`, and writes what it says. Rejects where it finds something. */
async function check(): Promise<void> {
  const npm = spawn("npm run check", { shell: true, stdio: ["ignore", "pipe", "pipe"] });
  const [output, complaints, [status]] = await Promise.all([
    text(npm.stdout),
    text(npm.stderr),
    once(npm, "close"),
  ]);
  // In one piece, between the lines of the tests.
  process.stdout.write(`\n${output}${complaints}\n`);
  if (status !== 0) throw new Error(`npm run check ended with status ${status}`);
}

/** Writes a file for each layer that has the tests of all its files. */
function layers(): string[] {
  const files = globSync("src/**/*.test.ts").sort();
  const byLayer = Map.groupBy(files, (file) =>
    unmeasured.has(file) ? "unmeasured" : (file.split(sep).slice(1, -1)[0] ?? "root"),
  );
  return Array.from(byLayer, ([layer, tests]) => writeSuites(`src-${layer}`, tests));
}

/**
 * Writes a file that has the tests of others, each in a suite of its own.
 *
 * @param fixtures modules whose hooks are for all suites, not for the first that imports them
 */
function writeSuites(name: string, tests: readonly string[], fixtures: readonly string[] = []) {
  const urlOf = (file: string) => JSON.stringify(pathToFileURL(resolve(file)).href);
  const lines = [
    'import { describe } from "node:test";',
    ...fixtures.map((file) => `import ${urlOf(file)};`),
    ...tests.map(
      (file) => `describe(${JSON.stringify(file)}, async () => { await import(${urlOf(file)}); });`,
    ),
  ];
  const path = join(own, `${name}.test.mjs`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

function fileOf(name: string): string {
  return join("test", `${name}.test.ts`);
}
