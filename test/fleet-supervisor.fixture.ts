import { EventEmitter, once } from "node:events";
import type { WorkerConfig } from "../src/fleet/process/worker-messages.ts";
import { parseDeviceSlots } from "../src/fleet/supervisor/device-slots.ts";
import type { SlotStatus } from "../src/fleet/supervisor/slot-status.ts";
import { forkProgram } from "../src/fleet/supervisor/start-process.ts";
import {
  Supervisor,
  type SupervisorEvent,
  type SupervisorOptions,
} from "../src/fleet/supervisor/supervisor.ts";
import type { TestQueue } from "./fleet.fixture.ts";
import { startedModule } from "./started-module.fixture.ts";

const ownTasks = new URL("./fleet-tasks.fixture.ts", import.meta.url);

export interface FleetOptions extends Partial<Omit<SupervisorOptions, "config" | "slots">> {
  readonly devices?: string;
  readonly models?: Readonly<Record<string, string>>;
  /** The URL of another module of tasks than the tests' own. */
  readonly task?: string;
  readonly settings?: unknown;
  readonly worker?: WorkerConfig["worker"];
}

/** A supervisor with real processes on a queue. None is left when it is disposed. */
export class TestFleet implements AsyncDisposable {
  readonly events: SupervisorEvent[] = [];
  readonly supervisor: Supervisor;
  /** When it has ended. */
  readonly ended: Promise<void>;
  readonly #news = new EventEmitter();
  readonly #untilFailed: Promise<never>;

  constructor(
    { name: queue, connection }: Pick<TestQueue, "name" | "connection">,
    {
      devices = "cpu",
      models = {},
      task = ownTasks.href,
      settings,
      worker = {},
      ...options
    }: FleetOptions = {},
  ) {
    this.supervisor = new Supervisor({
      slots: parseDeviceSlots(devices, { found: { cuda: [], hasOtherGpu: false }, host: "host" }),
      startProcess: forkProgram(
        startedModule(new URL("./fleet-worker.fixture.ts", import.meta.url)),
      ),
      backoff: { firstMs: 10, longestMs: 50 },
      onEvent: (event) => {
        this.events.push(event);
        this.#news.emit("event");
      },
      ...options,
      config: {
        // One library in a process: either all of it is bundled, or nothing is.
        task: startedModule(new URL(task)).href,
        models,
        settings,
        queue,
        connection,
        worker: { lockDurationMs: 1000, stalledIntervalMs: 200, ...worker },
        orphanDeadlineMs: 5000,
      },
    });
    this.ended = this.supervisor.run();
    this.#untilFailed = this.ended.then(() => {
      throw new Error(`the fleet has ended: ${JSON.stringify(this.events.at(-1))}`);
    });
    this.#untilFailed.catch(() => {});
  }

  get status(): readonly SlotStatus[] {
    return this.supervisor.status;
  }

  /** The first, or next, `count` events of a type; resolves when they have happened. */
  async until<T extends SupervisorEvent["type"]>(
    type: T,
    count = 1,
  ): Promise<Extract<SupervisorEvent, { type: T }>[]> {
    for (;;) {
      const found = this.events.filter((event) => event.type === type);
      if (found.length >= count) return found as Extract<SupervisorEvent, { type: T }>[];
      // A fleet that has ended has no more events.
      await Promise.race([once(this.#news, "event"), this.#untilFailed]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.supervisor.abort();
    await this.ended;
  }
}

/** Whether there is a process of that id. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
