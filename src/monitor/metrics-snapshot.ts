import { AggregatorRegistry, type Registry } from "prom-client";

/** A registry's metrics at one moment, as plain data that a message can carry. */
export type MetricsSnapshot = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/**
 * One registry with the metrics of several: counters and histograms are added up, gauges in the way
 * that each says itself (`aggregator`).
 */
export function sumSnapshots(snapshots: readonly MetricsSnapshot[]): Registry {
  return AggregatorRegistry.aggregate([...snapshots]);
}

/** The part of a snapshot that stays true when its process has ended: what was counted. */
export function countedOnly(snapshot: MetricsSnapshot): MetricsSnapshot {
  // The package's types say that a type is a number; it is a word.
  return snapshot.filter(({ type }) => String(type) !== "gauge");
}
