/**
 * `node bench/celery/matrix.ts`: workers of ours with Celery 5.3 to 5.7, or the versions that are
 * named. `--write` puts the table into docs/celery.md. Each version is installed once under
 * `.cache/celery-matrix`, and speaks with a real Redis:
 *
 * - the tests of `test/celery-redis.test.ts`;
 * - the scenarios of `canvas_scenarios.py`, once with workers of Python and once with ours;
 * - 1,000 tasks on one queue that both serve.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { createCeleryWorker } from "../../src/fleet/celery.ts";
import { RedisServer } from "../../test/servers/redis-server.ts";
import { canvasTasks } from "./canvas-tasks.ts";

/** With the Kombu of its time; pip chooses the rest. */
const versions: Readonly<Record<string, readonly string[]>> = {
  "5.3": ["celery[redis]==5.3.6", "kombu[redis]==5.3.7"],
  "5.4": ["celery[redis]==5.4.0", "kombu[redis]==5.4.2"],
  "5.5": ["celery[redis]==5.5.3", "kombu[redis]==5.5.4"],
  "5.6": ["celery[redis]==5.6.3", "kombu[redis]==5.6.2"],
  "5.7": ["celery[redis]==5.7.0", "kombu[redis]==5.7.0"],
};
const root = join(import.meta.dirname, "../..");
const page = join(root, "docs/celery.md");
const tasks = 1_000;

interface Scenario {
  readonly name: string;
  readonly value: unknown;
}

interface Row {
  readonly versions: string;
  readonly tests: string;
  readonly scenarios: string;
  readonly mixed: string;
  readonly differences: readonly string[];
}

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: "boolean", default: false } },
});
const rows: Row[] = [];
for (const version of positionals.length > 0 ? positionals : Object.keys(versions)) {
  const row = await measure(version);
  rows.push(row);
  console.error(`${row.versions}: ${row.tests}; ${row.scenarios}; ${row.mixed}`);
  for (const difference of row.differences) console.error(`  ${difference}`);
}
const markdown = [
  `${new Date().toISOString().slice(0, 10)}, Python 3.11, Redis 7.0:`,
  "",
  "| | tests | scenarios as with workers of Python | 1,000 tasks, both on one queue |",
  "|---|--:|--:|--:|",
  ...rows.map((row) => `| ${row.versions} | ${row.tests} | ${row.scenarios} | ${row.mixed} |`),
].join("\n");
console.log(markdown);
if (options.write) {
  const section = /(<!-- matrix -->\n).*(<!-- \/matrix -->)/s;
  const old = readFileSync(page, "utf8");
  writeFileSync(
    page,
    old.replace(section, (_, start, end) => `${start}${markdown}\n${end}`),
  );
}

async function measure(version: string): Promise<Row> {
  const python = makePython(version);
  const tests = await runTests(python);
  await using server = await RedisServer.start({ fsync: "everysec" });
  const redis = new Redis(server.url);
  try {
    const place = { python, redis, url: server.url };
    const { same, all, differences } = await compareScenarios(place);
    const [ours, theirs] = await shareQueue(place);
    return {
      versions: nameOf(python),
      tests,
      scenarios: `${same} of ${all}`,
      mixed: `${theirs} by Python, ${ours} by ours`,
      differences,
    };
  } finally {
    redis.disconnect();
  }
}

function makePython(version: string): string {
  const folder = join(root, ".cache/celery-matrix", version);
  const python = join(folder, "bin/python");
  if (existsSync(python)) return python;
  const made = `${folder}.${process.pid}`;
  try {
    for (const [program, ...args] of [
      ["python3", "-m", "venv", made],
      [join(made, "bin/python"), "-m", "pip", "install", "-q", ...versions[version]!],
    ] as [string, ...string[]][]) {
      const { status } = spawnSync(program, args, { stdio: ["ignore", 2, 2] });
      if (status !== 0) throw new Error(`Celery ${version} could not be installed`);
    }
    renameSync(made, folder);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
  return python;
}

function nameOf(python: string): string {
  const print = "import celery, kombu; print(celery.__version__, 'with Kombu', kombu.__version__)";
  return `Celery ${spawnSync(python, ["-c", print], { encoding: "utf8" }).stdout.trim()}`;
}

async function runTests(python: string): Promise<string> {
  const file = join(root, "test/celery-redis.test.ts");
  const child = spawn(process.execPath, ["--test", "--test-reporter=tap", file], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, CELERY_PYTHON: python },
  });
  const [output] = await Promise.all([text(child.stdout), once(child, "close")]);
  const count = (what: string) => Number(new RegExp(`^# ${what} (\\d+)`, "m").exec(output)?.[1]);
  return `${count("pass")} of ${count("tests")}`;
}

interface Place {
  readonly python: string;
  readonly redis: Redis;
  readonly url: string;
}

/** Starts a program in Python that speaks of a queue. */
function start({ python, url }: Place, queue: string, ...args: string[]) {
  return spawn(python, args, {
    cwd: import.meta.dirname,
    stdio: ["ignore", "pipe", "ignore"],
    env: {
      ...process.env,
      MATRIX_QUEUE: queue,
      MATRIX_REDIS: url,
      PYTHONDONTWRITEBYTECODE: "1",
    },
  });
}

function startPythonWorker(place: Place, queue: string): ChildProcess {
  const options = ["-c", "2", "-Q", queue, "-l", "CRITICAL", "--without-mingle"];
  const worker = start(place, queue, "-m", "celery", "-A", "canvas_tasks", "worker", ...options);
  worker.stdout.resume();
  return worker;
}

async function startOurWorker({ redis, url }: Place, queue: string) {
  const worker = createCeleryWorker(canvasTasks(redis, queue), {
    broker: url,
    queues: [queue],
    defaultQueue: queue,
    name: `celery@${queue}`,
    attempts: 1,
    concurrency: 2,
  });
  await worker.ready;
  return worker;
}

async function compareScenarios(place: Place) {
  const python = startPythonWorker(place, "python");
  await using _ours = await startOurWorker(place, "ours");
  try {
    const [theirs, ours] = await Promise.all(
      ["python", "ours"].map(async (queue) => {
        const output = await text(start(place, queue, "canvas_scenarios.py").stdout);
        const lines = output.trim().split("\n");
        return new Map(
          lines.map((line) => {
            const { name, value } = JSON.parse(line) as Scenario;
            return [name, JSON.stringify(value)] as const;
          }),
        );
      }),
    );
    const differences = Array.from(theirs!, ([name, value]) =>
      ours!.get(name) === value ? [] : [`${name}: Python ${value}, ours ${ours!.get(name)}`],
    ).flat();
    const all = theirs!.size;
    return { same: all - differences.length, all, differences };
  } finally {
    python.kill("SIGKILL");
  }
}

/** Returns how many of the tasks each kind of worker did. Throws unless each was done once. */
async function shareQueue(place: Place): Promise<readonly [ours: number, theirs: number]> {
  const { redis } = place;
  const queue = "shared";
  const python = startPythonWorker(place, queue);
  await using _ours = await startOurWorker(place, queue);
  try {
    const program = [
      "from canvas_tasks import app, who",
      "# Both are there before the first is sent.",
      "while len(app.control.ping(timeout=1, limit=2)) < 2: pass",
      `results = [who.delay(n) for n in range(${tasks})]`,
      `assert [r.get(timeout=120) for r in results] == [n * n for n in range(${tasks})]`,
      "print('all are there')",
    ].join("\n");
    const said = await text(start(place, queue, "-c", program).stdout);
    if (!said.includes("all are there")) throw new Error("results are missing, or wrong");
    const did = await Promise.all(
      ["ours", "python"].map((who) => redis.lrange(`${queue}:${who}`, 0, -1)),
    );
    const once = new Set(did.flat());
    if (once.size !== tasks || did.flat().length !== tasks) throw new Error("done twice");
    return [did[0]!.length, did[1]!.length];
  } finally {
    python.kill("SIGKILL");
  }
}
