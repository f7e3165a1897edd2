import { AggregatorRegistry, type Registry } from "prom-client";

/** A registry's metrics at one moment, as plain data that a message can carry. */
export type MetricsSnapshot = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/**
 * Merges the metrics of several registries: counters and histograms are summed, gauges as their
 * `aggregator` says.
 */
export function sumSnapshots(snapshots: readonly MetricsSnapshot[]): Registry {
  return AggregatorRegistry.aggregate([...snapshots]);
}

/** The part of a snapshot that stays true after its process has ended: the counts. */
export function countedOnly(snapshot: MetricsSnapshot): MetricsSnapshot {
  // The package's types call `type` a number; it is a string.
  return snapshot.filter(({ type }) => String(type) !== "gauge");
}
