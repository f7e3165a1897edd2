import { Gauge, type Registry } from "prom-client";

/**
 * Adds the gauge of loads per 1,000 tasks to a registry that counts both: well below 1 is healthy,
 * hundreds mean that the memory budget is too small. A ratio cannot be summed, so it is left out of
 * sums and added to the summed registry instead.
 */
export function addLoadRatio(registry: Registry): void {
  new Gauge({
    name: "orangery_model_loads_per_1000_tasks",
    help: "Models loaded from disk for each 1,000 tasks, since the start",
    registers: [registry],
    aggregator: "omit",
    async collect() {
      const loads = await totalOf(registry, "orangery_model_loads_total");
      const tasks = await totalOf(registry, "orangery_tasks_total");
      this.set((1000 * loads) / Math.max(1, tasks));
    },
  });
}

/** The sum of a counter's values over all its labels. */
async function totalOf(registry: Registry, name: string): Promise<number> {
  const values = (await registry.getSingleMetric(name)?.get())?.values ?? [];
  return values.reduce((sum, { value }) => sum + value, 0);
}
