import { extname } from "node:path";
import { pathToFileURL } from "node:url";
import { parseDeviceSlots } from "../fleet/device-slots.ts";
import { findDevices } from "../fleet/found-devices.ts";
import { Supervisor } from "../fleet/supervisor.ts";
import { fromCaller } from "./caller-folder.ts";
import { exitStatus, signalExitStatus } from "./exit-status.ts";
import { jsonLog, type LogLevel } from "./json-log.ts";
import { modelFromCaller } from "./model-argument.ts";

export interface WorkerArguments {
  readonly task: string;
  readonly queue: string;
  readonly redis: string;
  readonly devices: string;
  readonly model: Readonly<Record<string, string>>;
  readonly concurrency?: number;
  readonly attempts: number;
  readonly recycleTasks?: number;
  readonly recycleMinutes?: number;
  readonly recycleGrowth: number;
  readonly mostFailures: number;
  readonly deadline: number;
  readonly logLevel: LogLevel;
}

type StopSignal = "SIGINT" | "SIGTERM";

/** One Ctrl-C can arrive twice: from the terminal, and from npm. */
const sameKeyMs = 300;

/** Does what `orangery worker` was asked for; resolves to the exit status. */
export async function work(options: WorkerArguments): Promise<number> {
  const supervisor = createSupervisor(options);
  using signals = new WorkerSignals(supervisor, 1000 * options.deadline);
  await supervisor.run();
  if (signals.exitStatus !== undefined) return signals.exitStatus;
  return supervisor.hasGivenUp ? exitStatus.error : exitStatus.ok;
}

function createSupervisor(options: WorkerArguments): Supervisor {
  const { task, queue, redis, devices, model, concurrency, attempts } = options;
  const { recycleTasks, recycleMinutes, recycleGrowth, mostFailures, deadline, logLevel } = options;
  return new Supervisor({
    slots: parseDeviceSlots(devices, { found: findDevices() }),
    // The program beside this one: TypeScript here, JavaScript in the package.
    entry: new URL(`./worker-main${extname(import.meta.url)}`, import.meta.url),
    arguments: [logLevel],
    config: {
      task: pathToFileURL(fromCaller(task)).href,
      models: Object.fromEntries(
        Object.entries(model).map(([name, file]) => [name, modelFromCaller(file)]),
      ),
      settings: undefined,
      queue,
      connection: { url: redis },
      worker: { attempts, ...(concurrency !== undefined && { concurrency }) },
      orphanDeadlineMs: 1000 * deadline,
    },
    recycle: {
      ...(recycleTasks !== undefined && { tasks: recycleTasks }),
      ...(recycleMinutes !== undefined && { ageMs: 60_000 * recycleMinutes }),
      growthBytesPerTask: recycleGrowth,
    },
    backoff: { mostFailures },
    logger: jsonLog(logLevel, { worker: "supervisor" }),
  });
}

/** What signals ask of the supervisor, while it works. */
class WorkerSignals implements Disposable {
  readonly #supervisor: Supervisor;
  readonly #deadlineMs: number;
  #lastAt: number | undefined;
  #exitStatus: number | undefined;

  constructor(supervisor: Supervisor, deadlineMs: number) {
    this.#supervisor = supervisor;
    this.#deadlineMs = deadlineMs;
    process.on("SIGINT", this.#stop).on("SIGTERM", this.#stop).on("SIGHUP", this.#recycle);
  }

  /** Of a second signal; undefined when one was enough. */
  get exitStatus(): number | undefined {
    return this.#exitStatus;
  }

  [Symbol.dispose](): void {
    process.off("SIGINT", this.#stop).off("SIGTERM", this.#stop).off("SIGHUP", this.#recycle);
  }

  readonly #stop = (signal: StopSignal): void => {
    const now = performance.now();
    const last = this.#lastAt;
    this.#lastAt = now;
    if (last === undefined) this.#supervisor.stop({ deadlineMs: this.#deadlineMs });
    else if (now - last > sameKeyMs) {
      this.#exitStatus = signalExitStatus[signal];
      this.#supervisor.abort();
    }
  };

  readonly #recycle = (): void => this.#supervisor.recycle();
}
