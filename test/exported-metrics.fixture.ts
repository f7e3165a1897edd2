import { FleetMetrics } from "../src/monitor/fleet-metrics.ts";
import { addQueueGauges } from "../src/monitor/queue-gauges.ts";
import { WorkerMetrics } from "../src/monitor/worker-metrics.ts";

export interface ExportedMetric {
  readonly name: string;
  readonly type: string;
  readonly labelNames: readonly string[];
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
