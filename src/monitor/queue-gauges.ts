import { Counter, Gauge, type Registry } from "prom-client";

/** The jobs of one recipe in a queue, at one moment. */
export interface QueueDepth {
  /** The recipe's name, or the beginning of its hash; empty in a queue of tasks of one's own. */
  readonly recipe: string;
  readonly waiting: number;
  readonly active: number;
  /** Jobs that wait to be tried again. */
  readonly delayed: number;
  readonly failed: number;
  /** How long the oldest of the next jobs has waited; 0 where none waits. */
  readonly oldestWaitingMs: number;
  /** Jobs that have ended since the queue was created, whether or not it still has them. */
  readonly ended: { readonly succeeded: number; readonly failed: number };
  readonly isPaused: boolean;
}

/** What was read of a queue; no depths where its Redis does not answer. */
export interface QueueReading {
  readonly queue: string;
  readonly depths: readonly QueueDepth[] | undefined;
}

/**
 * Adds gauges of a queue to a registry: its depth and its age, for alarms and autoscaling. The
 * queue is read when the metrics are. If Redis does not answer, only `orangery_queue_reachable` is
 * present.
 */
export function addQueueGauges(registry: Registry, read: () => Promise<QueueReading>): void {
  const registers = [registry];
  const labelNames = ["queue", "recipe"] as const;
  const eachDepth = async (set: (labels: RecipeLabels, depth: QueueDepth) => void) => {
    const { queue, depths = [] } = await read();
    for (const depth of depths) set({ queue, recipe: depth.recipe }, depth);
  };
  new Gauge({
    name: "orangery_queue_reachable",
    help: "1 where the queue's Redis answers, else 0",
    labelNames: ["queue"],
    registers,
    async collect() {
      const { queue, depths } = await read();
      this.set({ queue }, Number(depths !== undefined));
    },
  });
  new Gauge({
    name: "orangery_queue_jobs",
    help: "Jobs in the queue, by their state",
    labelNames: [...labelNames, "state"],
    registers,
    async collect() {
      this.reset();
      await eachDepth((labels, depth) => {
        for (const state of jobStates) this.set({ ...labels, state }, depth[state]);
      });
    },
  });
  new Gauge({
    name: "orangery_queue_oldest_waiting_seconds",
    help: "How long the oldest of the next jobs has waited",
    labelNames,
    registers,
    async collect() {
      this.reset();
      await eachDepth((labels, { oldestWaitingMs }) => this.set(labels, oldestWaitingMs / 1000));
    },
  });
  new Gauge({
    name: "orangery_queue_paused",
    help: "1 where the queue is paused, else 0",
    labelNames,
    registers,
    async collect() {
      this.reset();
      await eachDepth((labels, { isPaused }) => this.set(labels, Number(isPaused)));
    },
  });
  new Counter({
    name: "orangery_queue_ended_total",
    help: "Jobs that have ended since the queue was created, whichever worker had them",
    labelNames: [...labelNames, "outcome"],
    registers,
    async collect() {
      this.reset();
      await eachDepth((labels, { ended }) => {
        for (const outcome of ["succeeded", "failed"] as const) {
          this.inc({ ...labels, outcome }, ended[outcome]);
        }
      });
    },
  });
}

interface RecipeLabels {
  readonly queue: string;
  readonly recipe: string;
}

const jobStates = ["waiting", "active", "delayed", "failed"] as const;
