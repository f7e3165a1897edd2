import { totalmem } from "node:os";
import { Counter, Gauge, Registry } from "prom-client";
import { addLoadRatio } from "./load-ratio.ts";
import { countedOnly, type MetricsSnapshot, sumSnapshots } from "./metrics-snapshot.ts";
import { WorkerMetrics } from "./worker-metrics.ts";

/** The state of a slot, for the fleet's metrics. */
export interface SlotCondition {
  readonly name: string;
  readonly state: string;
  readonly isReady: boolean;
  /** Whether it is a GPU's slot and works on the CPU. */
  readonly isOnCpu: boolean;
  /** Whether the queue's Redis answers its process and does what it asks for, as far as known. */
  readonly isServed: boolean;
  /** Processes that ended unasked, or never became ready. */
  readonly failures: number;
}

export interface FleetMetricsOptions {
  /** Every state that a slot can be in. */
  readonly states: readonly string[];
  /** Every reason for which a process is recycled. */
  readonly recycleReasons: readonly string[];
  readonly slots: () => readonly SlotCondition[];
}

/**
 * The metrics of a supervisor: its own, and the sum of its workers'. The counts of an ended process
 * stay in the sum, so that no counter ever decreases.
 */
export class FleetMetrics {
  /** The supervisor's own metrics. */
  readonly own = new Registry();
  readonly #recycles: Counter<"reason">;
  /** The last snapshot of each process. */
  readonly #latest = new Map<object, MetricsSnapshot>();
  /** The counts of ended processes. Starts with every metric at zero. */
  #gone: Promise<MetricsSnapshot>;

  constructor({ states, recycleReasons, slots }: FleetMetricsOptions) {
    const registers = [this.own];
    this.#recycles = new Counter({
      name: "orangery_worker_recycles_total",
      help: "Worker processes that were replaced by a fresh one",
      labelNames: ["reason"],
      registers,
    });
    for (const reason of recycleReasons) this.#recycles.inc({ reason }, 0);
    new Counter({
      name: "orangery_worker_failures_total",
      help: "Worker processes that died, or never became ready",
      labelNames: ["worker"],
      registers,
      collect() {
        this.reset();
        for (const { name: worker, failures } of slots()) this.inc({ worker }, failures);
      },
    });
    const addSlotGauge = (name: string, help: string, isSo: (slot: SlotCondition) => boolean) =>
      new Gauge<"worker">({
        name,
        help,
        labelNames: ["worker"],
        registers,
        collect() {
          for (const slot of slots()) this.set({ worker: slot.name }, Number(isSo(slot)));
        },
      });
    addSlotGauge(
      "orangery_worker_ready",
      "1 where a slot has a worker that is proved, alive and connected, else 0",
      ({ isReady }) => isReady,
    );
    addSlotGauge(
      "orangery_worker_on_cpu",
      "1 where the slot of a GPU works on the CPU, else 0",
      ({ isOnCpu }) => isOnCpu,
    );
    addSlotGauge(
      "orangery_worker_queue_served",
      "0 where the queue's Redis does not answer a worker or refuses what it asks for, else 1",
      ({ isServed }) => isServed,
    );
    new Gauge({
      name: "orangery_worker_slots",
      help: "Device slots, by their state",
      labelNames: ["state"],
      registers,
      collect() {
        for (const state of states) this.set({ state }, 0);
        for (const { state } of slots()) this.inc({ state });
      },
    });
    addMemoryGauges(this.own);
    this.#gone = emptySnapshot();
  }

  countRecycle(reason: string): void {
    this.#recycles.inc({ reason });
  }

  /** Takes a process's counts since it started, and its current state. */
  update(process: object, snapshot: MetricsSnapshot): void {
    this.#latest.set(process, snapshot);
  }

  /** Keeps the counts of a process that has ended. */
  async retire(process: object): Promise<void> {
    const last = this.#latest.get(process);
    if (last === undefined) return;
    this.#latest.delete(process);
    this.#gone = add(this.#gone, countedOnly(last));
    await this.#gone;
  }

  /** Returns all of it in Prometheus' text format. */
  async text(): Promise<string> {
    const own = await this.own.getMetricsAsJSON();
    // Both are read at the same moment, or a process that ends in between would be in neither.
    const [gone, latest] = [this.#gone, [...this.#latest.values()]];
    const sum = sumSnapshots([await gone, ...latest, own]);
    addLoadRatio(sum);
    return await sum.metrics();
  }
}

/** Of the supervisor's process, beside those of its workers, and of what all may use together. */
function addMemoryGauges(registry: Registry): void {
  new Gauge({
    name: "orangery_process_memory_bytes",
    help: "Resident memory of a worker's process",
    labelNames: ["worker"],
    registers: [registry],
    collect() {
      this.set({ worker: "supervisor" }, process.memoryUsage.rss());
    },
  });
  new Gauge({
    name: "orangery_memory_limit_bytes",
    help: "Memory that the container, or else the machine, has for all processes",
    registers: [registry],
    collect() {
      // 0, or more than there is, where nothing limits it.
      const limit = process.constrainedMemory();
      this.set(limit > 0 ? Math.min(limit, totalmem()) : totalmem());
    },
  });
}

async function emptySnapshot(): Promise<MetricsSnapshot> {
  const { registry } = new WorkerMetrics({ worker: "", active: () => 0 });
  return countedOnly(await registry.getMetricsAsJSON());
}

async function add(
  sum: Promise<MetricsSnapshot>,
  snapshot: MetricsSnapshot,
): Promise<MetricsSnapshot> {
  return await sumSnapshots([await sum, snapshot]).getMetricsAsJSON();
}
