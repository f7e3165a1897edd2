/**
 * Loaded before each file of tests: its own process is measured, and none that it starts, which
 * made these a fifth slower. Fixtures that run the program in a process of their own name the
 * folder again.
 */
import { basename } from "node:path";

/**
 * These run for long through code that the tests beside it run as well: not to measure them takes a
 * third to a half off their time.
 */
const unmeasured = new Set(
  [
    "artifacts",
    "checkpoint-fuzz",
    "checkpoint-models",
    "checkpoint-parity",
    "dashboard-browser",
    "dashboard-review",
    "deploy",
    "docs",
    "docs-tasks",
    "every-case",
    "fleet-chaos",
    "fleet-supervisor",
    "memory",
    "package",
    "parity",
    "pipeline",
    "quantize",
    "report-browser",
    "run",
    "sahi-parity",
    "src-unmeasured",
    "thresholds",
  ].map(fileOf),
);
/** The same of the commands that they run, which other files run on fewer photos. */
const unmeasuredCommands = new Set(["checkpoint-models", "every-case", "run"].map(fileOf));

// What the file starts has its name, so that what it leaves running is found.
process.env.ORANGERY_TEST_FILE ??= process.argv[1];

const folder = process.env.NODE_V8_COVERAGE;
if (folder !== undefined) {
  const file = basename(process.argv[1] ?? "").replace(/mjs$/, "ts");
  if (!unmeasuredCommands.has(file)) process.env.ORANGERY_TEST_COVERAGE = folder;
  // Node has read it when it started.
  delete process.env.NODE_V8_COVERAGE;
  if (unmeasured.has(file)) startAgain();
}

/** Stopped in a process, the measurement would complain on standard error when that ends. */
function startAgain(): void {
  const { execPath, execArgv, argv, env } = process;
  process.execve?.(execPath, [execPath, ...execArgv, ...argv.slice(1)], env);
}

function fileOf(name: string): string {
  return `${name}.test.ts`;
}
