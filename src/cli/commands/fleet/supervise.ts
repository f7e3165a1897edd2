import { programModule } from "../../../base/files/program-file.ts";
import { isOrangeryError } from "../../../errors.ts";
import type { DeviceSlot } from "../../../fleet/process/device-slot.ts";
import type { WorkerConfig } from "../../../fleet/process/worker-messages.ts";
import { serveFleet } from "../../../fleet/supervisor/serve-fleet.ts";
import { forkProgram } from "../../../fleet/supervisor/start-process.ts";
import { Supervisor } from "../../../fleet/supervisor/supervisor.ts";
import type { Logger } from "../../../logger.ts";
import type { QueueReading } from "../../../monitor/queue-gauges.ts";
import { exitStatus } from "../../output/exit-status.ts";
import type { Interrupts } from "../../output/interrupts.ts";
import { jsonLog, type LogLevel } from "../../output/json-log.ts";
import type { MetricsArguments } from "./metrics-options.ts";

/** How processes are started, watched and replaced, whatever they work on. */
export interface SupervisionArguments extends MetricsArguments {
  readonly devices: string;
  readonly concurrency?: number;
  readonly attempts: number;
  readonly recycleTasks?: number;
  readonly recycleMinutes?: number;
  readonly recycleGrowth: number;
  readonly mostFailures: number;
  readonly deadline: number;
  readonly logLevel: LogLevel;
  readonly interrupts: Interrupts;
}

/** What the processes work on. */
export interface SupervisedWork {
  readonly slots: readonly DeviceSlot[];
  readonly config: Omit<WorkerConfig, "slot" | "orphanDeadlineMs">;
  /** What the first line of the log says of the work. */
  readonly logFields: object;
  /** Reads the queue for metrics. Default: there are none of the queue. */
  readonly readQueue?: (() => Promise<QueueReading>) | undefined;
}

/** Runs the processes of `orangery worker`; resolves to the exit status. */
export async function supervise(
  options: SupervisionArguments,
  work: SupervisedWork,
): Promise<number> {
  const supervisor = createSupervisor(options, work);
  await using _monitor = await serveMetrics(supervisor, options, work);
  const { interrupts, deadline } = options;
  interrupts.onInterrupt = (again) => {
    if (again) supervisor.abort();
    else supervisor.stop({ deadlineMs: 1000 * deadline });
  };
  using _recycling = onHangUp(() => supervisor.recycle());
  await supervisor.run();
  if (interrupts.abort.aborted) return interrupts.exitStatus!;
  return supervisor.hasGivenUp ? exitStatus.error : exitStatus.ok;
}

/**
 * Opens a results database before any process is started, and makes it where there is none. A
 * server that is away or does not serve is left to the processes, which wait for it and log it.
 *
 * @throws `LEDGER_*`, `NO_SPACE`, `PACKAGE_MISSING`, `INVALID_ARGUMENT`
 */
export async function checkResults(location: string): Promise<void> {
  // Imported late: a worker with what the queue says, or with a task, has none to open here.
  const { openLedger } = await import("../../../ledger/open-ledger.ts");
  await leaveToProcesses("ledger", async () => {
    await (await openLedger(location, { busyTimeoutMs: 0 }))[Symbol.asyncDispose]();
  });
}

/** Does not fail where a server cannot be used now and the processes wait for it. */
export async function leaveToProcesses(
  blames: "ledger" | "queue",
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isOrangeryError(error) || error.blames !== blames || !error.retryable) throw error;
  }
}

/** The log of the process that looks after the others. */
export function supervisorLog(logLevel: LogLevel): Logger {
  return jsonLog(logLevel, { worker: "supervisor" });
}

function createSupervisor(
  options: SupervisionArguments,
  { slots, config, logFields }: SupervisedWork,
): Supervisor {
  const { recycleTasks, recycleMinutes, recycleGrowth, mostFailures, deadline, logLevel } = options;
  const logger = supervisorLog(logLevel);
  const names = slots.map(({ name }) => name);
  logger.info({ ...logFields, slots: names }, "the supervisor starts");
  return new Supervisor({
    slots,
    startProcess: forkProgram(programModule("cli/worker-main"), [logLevel]),
    config: { ...config, orphanDeadlineMs: 1000 * deadline },
    recycle: {
      tasks: recycleTasks,
      ageMs: recycleMinutes && 60_000 * recycleMinutes,
      growthBytesPerTask: recycleGrowth,
    },
    backoff: { mostFailures },
    logger,
  });
}

async function serveMetrics(
  supervisor: Supervisor,
  { metricsPort: port, metricsHost: host, logLevel }: SupervisionArguments,
  { readQueue }: SupervisedWork,
): Promise<AsyncDisposable | undefined> {
  if (port === undefined) return undefined;
  return await serveFleet({ supervisor, readQueue, host, port, logger: supervisorLog(logLevel) });
}

/** Listens for SIGHUP until it is disposed. */
function onHangUp(listener: () => void): Disposable {
  process.on("SIGHUP", listener);
  return { [Symbol.dispose]: () => process.off("SIGHUP", listener) };
}
