import { OneAtATime } from "../../base/one-at-a-time.ts";
import { type ErrorCode, OrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { FleetMetrics } from "../../monitor/fleet-metrics.ts";
import type { DeviceSlot } from "../process/device-slot.ts";
import type { StartFailure } from "../process/start-failure.ts";
import type { WorkerConfig } from "../process/worker-messages.ts";
import { defaultSlotPolicy, type SlotPolicy } from "./slot-policy.ts";
import {
  isOnCpu,
  isServed,
  recycleReasons,
  type SlotEvent,
  type SlotStatus,
  slotProblem,
  slotStates,
} from "./slot-status.ts";
import { SlotSupervisor } from "./slot-supervisor.ts";
import type { StartProcess } from "./start-process.ts";

/** What happens to the processes of a slot. */
export type SupervisorEvent = SlotEvent & { readonly slot: string };

export interface SupervisorOptions extends Partial<SlotPolicy> {
  readonly slots: readonly DeviceSlot[];
  readonly startProcess: StartProcess;
  readonly config: Omit<WorkerConfig, "slot">;
  readonly logger?: Logger;
  readonly onEvent?: (event: SupervisorEvent) => void;
}

/** Keeps a worker process for each device slot of this machine. */
export class Supervisor {
  /** Its own metrics, and the sum of its processes'. */
  readonly metrics = new FleetMetrics({
    states: slotStates,
    recycleReasons,
    slots: () =>
      this.status.map((slot) => ({
        ...slot,
        isReady: slotProblem(slot) === undefined,
        isOnCpu: isOnCpu(slot),
        isServed: isServed(slot),
      })),
  });
  readonly #slots: readonly SlotSupervisor[];
  readonly #policy: SlotPolicy;
  readonly #logger: Logger;
  #overdue: NodeJS.Timeout | undefined;
  /** Whether a process has ever been ready, on any device. */
  #hasBeenReady = false;
  /** Why no process can work. */
  #failure: StartFailure | undefined;

  constructor({
    slots,
    startProcess,
    config,
    logger = silentLogger,
    onEvent = () => {},
    ...policy
  }: SupervisorOptions) {
    const turn = new OneAtATime();
    this.#logger = logger;
    this.#policy = { ...defaultSlotPolicy, ...policy };
    this.#slots = slots.map(
      (slot) =>
        new SlotSupervisor({
          config: { ...config, slot },
          policy: this.#policy,
          startProcess,
          turn,
          logger,
          metrics: this.metrics,
          onChange: (change) => logger.debug({ slot: slot.name, ...change }, "a slot changes"),
          onEvent: (event) => {
            if (event.type === "ready") this.#hasBeenReady = true;
            if (this.#isHopeless(event)) this.#end(0);
            else this.#log(slot, event);
            if (event.type === "recycled") this.metrics.countRecycle(event.reason);
            onEvent({ ...event, slot: slot.name });
          },
        }),
    );
  }

  get status(): readonly SlotStatus[] {
    return this.#slots.map(({ status }) => status);
  }

  /**
   * Works until it is stopped, or every slot has given up; resolves when no process is left.
   *
   * @throws why none can work, where the reason is the same for every slot and does not pass
   */
  async run(): Promise<void> {
    try {
      await Promise.all(this.#slots.map((slot) => slot.run()));
    } finally {
      clearTimeout(this.#overdue);
    }
    if (this.#failure === undefined) return;
    throw new OrangeryError(this.#failure.code as ErrorCode, this.#failure.message);
  }

  /** Whether every slot has given up. */
  get hasGivenUp(): boolean {
    return this.#slots.every(({ status }) => status.state === "given up");
  }

  /** Replaces every process by a fresh one, one after another. */
  recycle(): void {
    for (const slot of this.#slots) slot.recycle();
  }

  /** Takes no more jobs, finishes those that run until the deadline, and ends. */
  stop({ deadlineMs }: { readonly deadlineMs: number }): void {
    this.#logger.info({ deadlineMs }, "the supervisor stops");
    this.#end(deadlineMs);
  }

  /** Gives back the jobs that run, and ends. */
  abort(): void {
    this.stop({ deadlineMs: 0 });
  }

  /** Whether no process can work, and none ever did or will again. `run` throws the reason. */
  #isHopeless(event: SlotEvent): boolean {
    if (event.type !== "given up" || event.failure === undefined) return false;
    const { ruledOut, code, message: reason } = event.failure;
    if (ruledOut !== "program" && (ruledOut !== "fleet" || this.#hasBeenReady)) return false;
    if (this.#hasBeenReady && this.#failure === undefined) {
      this.#logger.error({ code, reason }, "no process can work here any more; jobs wait");
    }
    this.#failure ??= event.failure;
    return true;
  }

  #end(deadlineMs: number): void {
    for (const slot of this.#slots) slot.stop(deadlineMs);
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => {
      this.#logger.error({}, "worker processes do not end and are killed");
      for (const slot of this.#slots) slot.kill();
    }, deadlineMs + this.#policy.overdueMs);
    // When it has ended before, there is nothing to wait for.
    this.#overdue.unref();
  }

  #log({ name: slot }: DeviceSlot, event: SlotEvent): void {
    const log = this.#logger;
    const { type, ...fields } = event;
    if (type === "ready") log.info({ slot, ...fields }, "a worker process takes jobs");
    else if (type === "recycled") log.info({ slot, ...fields }, "a worker process was recycled");
    else if (type === "died") log.warn({ slot, ...fields }, "a worker process died");
    else if (type === "failed") {
      log.error({ slot, ...fields }, "a worker process did not become ready");
    } else {
      const { reason } = event;
      log.error({ slot, reason }, "a slot is given up: no process of it becomes ready");
    }
  }
}
