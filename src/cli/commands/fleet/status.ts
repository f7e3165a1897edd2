import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { formatBytes, formatCount, formatEta, formatRate } from "../../../base/quantities.ts";
import { isOrangeryError } from "../../../errors.ts";
import { serveDepth } from "../../../fleet/depth/serve-depth.ts";
import { checkQueue } from "../../../fleet/queue/redis-connection.ts";
import { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import {
  type FleetStatus,
  type RecipeStatus,
  readFleetStatus,
} from "../../../fleet/recipes/fleet-status.ts";
import type { WorkerStatus } from "../../../fleet/store/worker-status.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { chooseRecipe, shortHashLength } from "../../../results/choose-recipe.ts";
import type { QueueArguments } from "../../options/queue-options.ts";
import { resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts, whileReading } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatTable } from "../../output/table.ts";
import { describeUnknown, isUnknown } from "../jobs/unknown-queue.ts";
import type { MetricsArguments } from "./metrics-options.ts";

export interface StatusArguments extends QueueArguments, MetricsArguments {
  readonly results?: string;
  readonly recipe?: string;
  readonly watch?: boolean;
  readonly json?: boolean;
}

/** The recorded results of one recipe. */
interface Recorded {
  readonly recipe: string;
  readonly done: number;
  readonly failed: number;
}

const watchPeriodMs = 2_000;

/** Runs `orangery status`; resolves to the exit status. */
export async function showStatus(
  output: StandardOutput,
  options: StatusArguments,
): Promise<number> {
  const { queue: name, queueUrl, results, watch, json } = options;
  await using stack = new AsyncDisposableStack();
  const ledger = results === undefined ? undefined : stack.use(await openResults(results));
  const queues = stack.use(await FleetQueues.open({ connection: queueUrl, queue: name }));
  using interrupts = new Interrupts(whileReading);
  const paint = watch && !json && process.stdout.isTTY ? await openPaint() : undefined;
  for (;;) {
    const text = await read({ queues, ledger, options }).catch((error: unknown) => {
      // With --watch, the next reading may reach it again.
      if (!watch || !isOrangeryError(error, "QUEUE_UNREACHABLE")) throw error;
      return json
        ? toLine({ error: { code: error.code, message: error.message } })
        : `${error.message}\n`;
    });
    if (paint) paint(text);
    else await output.write(text);
    if (!watch || output.isClosed) break;
    await delay(watchPeriodMs, undefined, { signal: interrupts.stop }).catch(() => {});
    if (interrupts.exitStatus !== undefined) break;
  }
  paint?.done();
  return interrupts.exitStatus ?? exitStatus.ok;
}

/** Runs `orangery status --metrics-port`, until it is stopped; resolves to the exit status. */
export async function serveStatus(
  output: StandardOutput,
  { queue, queueUrl, metricsPort: port = 0, metricsHost: host }: StatusArguments,
): Promise<number> {
  checkQueue({ queue, connection: queueUrl });
  using interrupts = new Interrupts();
  await using server = await serveDepth({ queue, connection: queueUrl, host, port });
  await output.write(`The depth of ${queue} is served at ${server.url}/metrics\n`);
  if (!interrupts.stop.aborted) await once(interrupts.stop, "abort");
  return exitStatus.ok;
}

/** Imported late, as below: a third of the time that the command takes without it. */
async function openResults(results: string): Promise<Ledger> {
  const { openLedger } = await import("../../../ledger/open-ledger.ts");
  return await openLedger(resultsFromCaller(results), { readOnly: true });
}

async function openPaint() {
  const { createLogUpdate } = await import("log-update");
  return createLogUpdate(process.stdout);
}

interface Reading {
  readonly queues: FleetQueues;
  readonly ledger: Ledger | undefined;
  readonly options: StatusArguments;
}

async function read({ queues, ledger, options }: Reading): Promise<string> {
  const status = await queues.base.within(readFleetStatus(queues));
  const recorded = ledger && (await readRecorded(ledger, options.recipe));
  return options.json ? toLine({ ...status, recorded }) : describe(status, recorded);
}

async function readRecorded(ledger: Ledger, wanted: string | undefined): Promise<Recorded> {
  const { readRecipes } = await import("../../../ledger/results/stored-results.ts");
  const { hash, done, failed } = chooseRecipe(await readRecipes(ledger), wanted);
  return { recipe: hash, done, failed };
}

function describe(status: FleetStatus, recorded: Recorded | undefined): string {
  const { queue, waiting, active, delayed, failed, done, isPaused, workers, recipes } = status;
  const results = recorded ? `Results  ${describeRecorded(recorded)}\n` : "";
  if (isUnknown(status)) return describeUnknown(status) + results;
  const counts = [
    `${formatCount(waiting)} waiting`,
    `${formatCount(active)} active`,
    ...(delayed > 0 ? [`${formatCount(delayed)} delayed`] : []),
    `${formatCount(done)} done`,
    `${formatCount(failed)} failed`,
  ];
  const head =
    `Queue    ${queue}${isPaused ? " (paused)" : ""}  ${counts.join("  ")}\n` +
    `Rate     ${describeRate(status)}\n${results}`;
  return [
    head,
    ...(recipes.length > 0 ? [recipeTable(recipes)] : []),
    workers.length === 0 ? "No workers\n" : workerTable(workers),
    ...notServed(workers),
  ].join("\n");
}

function recipeTable(recipes: readonly RecipeStatus[]): string {
  return formatTable(
    [
      { title: "Recipe" },
      { title: "Hash" },
      { title: "Waiting", align: "right" },
      { title: "Active", align: "right" },
      { title: "Delayed", align: "right" },
      { title: "Done", align: "right" },
      { title: "Failed", align: "right" },
      { title: "Workers", align: "right" },
    ],
    recipes.map(({ name, hash, isPaused, workers, ...counts }) => [
      isPaused ? `${name} (paused)` : name,
      hash.slice(0, shortHashLength),
      ...[counts.waiting, counts.active, counts.delayed, counts.done, counts.failed].map(
        formatCount,
      ),
      formatCount(workers.length),
    ]),
  );
}

/** Lists what workers leave to others, each reason once. */
function notServed(workers: readonly WorkerStatus[]): string[] {
  const all = workers.flatMap(({ name: worker, notServed = [] }) =>
    notServed.map((left) => ({ worker, ...left })),
  );
  const byReason = Map.groupBy(all, ({ name, reason }) => `${name} is not served: ${reason}`);
  return Array.from(
    byReason,
    ([text, of]) => `${of.map(({ worker }) => worker).join(", ")}: ${text}\n`,
  );
}

function describeRate({ perSecond, etaMs, waiting, active, delayed }: FleetStatus): string {
  const rate = perSecond > 0 ? formatRate(perSecond) : "no job ended lately";
  if (waiting + active + delayed === 0) {
    return perSecond > 0 ? `${rate}, nothing left` : "nothing left";
  }
  return etaMs === undefined ? rate : `${rate}  ETA ${formatEta(etaMs)}`;
}

function describeRecorded({ recipe, done, failed }: Recorded): string {
  const short = recipe.slice(0, shortHashLength);
  return `${formatCount(done)} done  ${formatCount(failed)} failed  (recipe ${short})`;
}

function workerTable(workers: readonly WorkerStatus[]): string {
  return formatTable(
    [
      { title: "Worker" },
      { title: "Device" },
      { title: "Models" },
      { title: "Memory", align: "right" },
      { title: "GPU", align: "right" },
      { title: "Jobs", align: "right" },
      { title: "Active", align: "right" },
      { title: "Rate", align: "right" },
    ],
    workers.map((worker) => [
      worker.name,
      worker.devices.join(", ") || "-",
      worker.models.join(", ") || "-",
      formatBytes(worker.processBytes),
      worker.gpuBytes > 0 ? formatBytes(worker.gpuBytes) : "-",
      formatCount(worker.ended),
      formatCount(worker.active),
      worker.perSecond > 0 ? formatRate(worker.perSecond) : "-",
    ]),
  );
}

function toLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
