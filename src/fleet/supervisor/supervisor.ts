import { OneAtATime } from "../../base/one-at-a-time.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { FleetMetrics } from "../../monitor/fleet-metrics.ts";
import type { DeviceSlot } from "../process/device-slot.ts";
import type { WorkerConfig } from "../process/worker-messages.ts";
import type { RestartBackoffOptions } from "./restart-backoff.ts";
import { slotTrouble } from "./slot-readiness.ts";
import { type RecycleOptions, type SlotEvent, type SlotStatus, slotStates } from "./slot-status.ts";
import { overdueMs, SlotSupervisor } from "./slot-supervisor.ts";

/** What happens to a slot's processes. */
export type SupervisorEvent = SlotEvent & { readonly slot: string };

export interface SupervisorOptions {
  readonly slots: readonly DeviceSlot[];
  /** The program of a worker process. */
  readonly entry: URL;
  /** Of that program's command line. Default: none. */
  readonly arguments?: readonly string[];
  readonly config: Omit<WorkerConfig, "slot">;
  readonly recycle?: RecycleOptions;
  readonly backoff?: RestartBackoffOptions;
  /** Left free for others when it is decided whether a successor has room. Default 0. */
  readonly keepFreeBytes?: number;
  /** A process that is not ready after this time is ended. Default 15 minutes. */
  readonly startTimeoutMs?: number;
  /**
   * A process that tells nothing for this long, or is at one inference, hangs, and is ended. Default
   * 10 minutes.
   */
  readonly unresponsiveMs?: number;
  /** How long a replaced process may take to finish its jobs. Default 10 minutes. */
  readonly drainDeadlineMs?: number;
  /**
   * How long a successor on the CPU lets its predecessor finish before it takes jobs itself. Default
   * 10 seconds.
   */
  readonly handOverMs?: number;
  readonly logger?: Logger;
  readonly onEvent?: (event: SupervisorEvent) => void;
}

const minuteMs = 60_000;

/** Keeps a worker process for each device slot of this machine. */
export class Supervisor {
  /** Its own and those of its processes, summed. */
  readonly metrics = new FleetMetrics({
    states: slotStates,
    slots: () => this.status.map((slot) => ({ ...slot, isReady: slotTrouble(slot) === undefined })),
  });
  readonly #slots: readonly SlotSupervisor[];
  readonly #logger: Logger;
  #overdue: NodeJS.Timeout | undefined;

  constructor({
    slots,
    entry,
    arguments: args = [],
    config,
    recycle = {},
    backoff = {},
    keepFreeBytes = 0,
    startTimeoutMs = 15 * minuteMs,
    unresponsiveMs = 10 * minuteMs,
    drainDeadlineMs = 10 * minuteMs,
    handOverMs = 10_000,
    logger = silentLogger,
    onEvent = () => {},
  }: SupervisorOptions) {
    const turn = new OneAtATime();
    this.#logger = logger;
    this.#slots = slots.map(
      (slot) =>
        new SlotSupervisor({
          ...{ slot, entry, arguments: args, config: { ...config, slot }, recycle, backoff },
          ...{ keepFreeBytes, startTimeoutMs, unresponsiveMs, drainDeadlineMs },
          ...{ handOverMs, turn, logger },
          metrics: this.metrics,
          onEvent: (event) => {
            this.#log(slot, event);
            if (event.type === "recycled") this.metrics.countRecycle(event.reason);
            onEvent({ ...event, slot: slot.name });
          },
        }),
    );
  }

  get status(): readonly SlotStatus[] {
    return this.#slots.map(({ status }) => status);
  }

  /** Works until it is stopped, or every slot has given up; resolves when no process is left. */
  async run(): Promise<void> {
    try {
      await Promise.all(this.#slots.map((slot) => slot.run()));
    } finally {
      clearTimeout(this.#overdue);
    }
  }

  /** Whether every slot has given up. */
  get hasGivenUp(): boolean {
    return this.#slots.every(({ status }) => status.state === "given up");
  }

  /** Replaces every process by a fresh one, one after another. */
  recycle(): void {
    for (const slot of this.#slots) slot.recycle();
  }

  /** Takes no more jobs, finishes those in hand until the deadline, and ends. */
  stop({ deadlineMs }: { readonly deadlineMs: number }): void {
    this.#logger.info({ deadlineMs }, "the supervisor stops");
    for (const slot of this.#slots) slot.stop(deadlineMs);
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => {
      this.#logger.error({}, "worker processes do not end and are killed");
      for (const slot of this.#slots) slot.kill();
    }, deadlineMs + overdueMs);
    // Told to stop when it has ended, there is nothing to wait for.
    this.#overdue.unref();
  }

  /** Gives the jobs in hand back, and ends. */
  abort(): void {
    this.stop({ deadlineMs: 0 });
  }

  #log({ name: slot }: DeviceSlot, { type, ...facts }: SlotEvent): void {
    const log = this.#logger;
    if (type === "ready") log.info({ slot, ...facts }, "a worker process takes jobs");
    else if (type === "recycled") log.info({ slot, ...facts }, "a worker process was recycled");
    else if (type === "died") log.warn({ slot, ...facts }, "a worker process died");
    else if (type === "failed") {
      log.error({ slot, ...facts }, "a worker process did not become ready");
    } else log.error({ slot, ...facts }, "a slot is given up: no process of it becomes ready");
  }
}
