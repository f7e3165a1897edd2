import { EventEmitter, once } from "node:events";
import { silentLogger } from "../../logger.ts";
import type { RuledOut } from "../process/start-failure.ts";
import type { WorkerConfig, WorkerOrder, WorkerStats } from "../process/worker-messages.ts";
import { defaultSlotPolicy, type SlotPolicy } from "./slot-policy.ts";
import type { ProcessEvents, StartedProcess, StartProcess, WorkerExit } from "./start-process.ts";
import { WorkerChild } from "./worker-child.ts";

export const config: WorkerConfig = {
  slot: {
    name: "cpu0@host",
    workerId: 0,
    kind: "cpu",
    device: "cpu",
    requireDevice: true,
    intraOpThreads: 1,
  },
  task: "data:text/javascript,",
  models: {},
  settings: undefined,
  queue: "photos",
  connection: {},
  worker: {},
  orphanDeadlineMs: 0,
};

export const idle: WorkerStats = {
  tasks: 0,
  active: 0,
  inferenceMs: 0,
  isConnected: true,
  modelsOnCpu: 0,
  memory: { processBytes: 1, gpuBytes: 0 },
  growthBytesPerTask: 0,
};

/** A worker process of which a test plays the part. */
export class PretendProcess implements StartedProcess {
  readonly pid: number;
  /** What it was ordered, in order: `begin`, `take`, `direct false`, `drain 0`, `kill`. */
  readonly orders: string[] = [];
  readonly #events: ProcessEvents;
  readonly #news = new EventEmitter();

  constructor(pid: number, events: ProcessEvents) {
    this.pid = pid;
    this.#events = events;
  }

  send(order: WorkerOrder): void {
    if (order.type === "drain") this.#note(`drain ${order.deadlineMs}`);
    else if (order.type === "direct") this.#note(`direct ${order.isTaking}`);
    else this.#note(order.type);
  }

  kill(): void {
    this.#note("kill");
    this.exit({ status: null, signal: "SIGKILL" });
  }

  /** Resolves when it has been given an order. */
  async until(order: string): Promise<void> {
    while (!this.orders.includes(order)) await once(this.#news, "order");
  }

  report(stats: Partial<WorkerStats>): void {
    this.#events.onMessage({ type: "stats", stats: { ...idle, ...stats } });
  }

  becomeReady(kind: "cpu" | "gpu" = "cpu", stats: Partial<WorkerStats> = {}): void {
    const device = { kind, label: kind === "cpu" ? "cpu" : "cuda:0" };
    this.#events.onMessage({ type: "ready", device, stats: { ...idle, ...stats } });
  }

  /** Before it is ready, or later. */
  fail(code: string, ruledOut: RuledOut = "attempt"): void {
    this.#events.onMessage({ type: "failed", code, message: `${code} it is`, ruledOut });
    this.exit({ status: 1, signal: null });
  }

  /** A person directs it. */
  beDirected(isTaking: boolean): void {
    this.#events.onMessage({ type: "directed", isTaking });
  }

  takeJobs(): void {
    this.#events.onMessage({ type: "taking" });
  }

  finishJobs(): void {
    this.#events.onMessage({ type: "drained" });
  }

  exit(exit: WorkerExit = { status: 0, signal: null }): void {
    this.#events.onExit(exit);
    this.#events.onSilence();
  }

  #note(order: string): void {
    this.orders.push(order);
    this.#news.emit("order");
  }
}

/** Starts pretended processes, and hands them to a test in the order of their start. */
export class PretendProcesses {
  readonly all: PretendProcess[] = [];
  readonly #news = new EventEmitter();
  #taken = 0;

  readonly start: StartProcess = (events) => {
    const process = new PretendProcess(this.all.length + 1, events);
    this.all.push(process);
    this.#news.emit("start");
    return process;
  };

  /** The next process that is started. */
  async next(): Promise<PretendProcess> {
    const place = this.#taken++;
    while (this.all.length <= place) await once(this.#news, "start");
    return this.all[place]!;
  }

  /** A process, as its supervisor sees it, that takes jobs. */
  async atWork(
    kind: "cpu" | "gpu" = "cpu",
    stats: Partial<WorkerStats> = {},
  ): Promise<readonly [WorkerChild, PretendProcess]> {
    const child = new WorkerChild({
      startProcess: this.start,
      config,
      onStats: () => {},
      onMetrics: () => {},
      onSilence: () => {},
    });
    const process = await this.next();
    process.becomeReady(kind, stats);
    await child.ready;
    child.take();
    process.takeJobs();
    return [child, process];
  }
}

export function policyOf(policy: Partial<SlotPolicy>): SlotPolicy {
  return { ...defaultSlotPolicy, ...policy };
}

export const logger = silentLogger;
