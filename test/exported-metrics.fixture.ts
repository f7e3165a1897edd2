import { recycleReasons, slotStates } from "../src/fleet/supervisor/slot-status.ts";
import { FleetMetrics } from "../src/monitor/fleet-metrics.ts";
import { addQueueGauges } from "../src/monitor/queue-gauges.ts";
import { WorkerMetrics } from "../src/monitor/worker-metrics.ts";

export interface ExportedMetric {
  readonly name: string;
  readonly type: string;
  readonly labelNames: readonly string[];
}

/** Returns what a supervisor serves before its first worker is there, in Prometheus' text format. */
export async function firstMetrics(): Promise<string> {
  const slot = { state: "starting", isReady: false, isOnCpu: false, isServed: true, failures: 0 };
  const fleet = new FleetMetrics({
    states: slotStates,
    recycleReasons,
    slots: () => [{ ...slot, name: "gpu0@host" }],
  });
  const depth = { recipe: "plants", waiting: 0, active: 0, delayed: 0, failed: 0 };
  const ended = { succeeded: 0, failed: 0 };
  const depths = [{ ...depth, ended, oldestWaitingMs: 0, isPaused: false }];
  addQueueGauges(fleet.own, async () => ({ queue: "photos", depths }));
  return await fleet.text();
}

/** Lists every metric that `orangery worker` serves, each once. */
export function exportedMetrics(): ExportedMetric[] {
  const fleet = new FleetMetrics({ states: [], recycleReasons: [], slots: () => [] });
  addQueueGauges(fleet.own, async () => ({ queue: "", depths: [] }));
  const worker = new WorkerMetrics({
    worker: "",
    active: () => 0,
    resultsTrouble: () => undefined,
  });
  const metrics = [...worker.registry.getMetricsAsArray(), ...fleet.own.getMetricsAsArray()]
    // The package's types know neither the names of types nor labels.
    .map((metric) => metric as unknown as ExportedMetric);
  return [...new Map(metrics.map((metric) => [metric.name, metric])).values()];
}
