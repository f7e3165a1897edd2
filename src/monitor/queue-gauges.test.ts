import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Registry } from "prom-client";
import { parsePrometheusText, sampleValue } from "./prometheus-text.fixture.ts";
import { addQueueGauges, type QueueDepth } from "./queue-gauges.ts";

const depth: QueueDepth = {
  recipe: "plants",
  waiting: 5,
  active: 2,
  delayed: 1,
  failed: 3,
  oldestWaitingMs: 61_500,
  ended: { succeeded: 100, failed: 4 },
  isPaused: false,
};

describe("the gauges of a queue", () => {
  test("have the depth and the age of each recipe, and none while Redis is away", async () => {
    const registry = new Registry();
    const beds = {
      ...depth,
      recipe: "3f2a9c000000",
      waiting: 0,
      oldestWaitingMs: 0,
      isPaused: true,
    };
    let depths: readonly QueueDepth[] | undefined = [depth, beds];
    addQueueGauges(registry, async () => ({ queue: "photos", depths }));
    const read = async () => {
      const families = parsePrometheusText(await registry.metrics());
      return (name: string, labels: Record<string, string>) =>
        sampleValue(families, `orangery_queue_${name}`, { queue: "photos", ...labels });
    };
    let value = await read();
    const plants = { recipe: "plants" };
    assert.equal(value("reachable", {}), 1);
    assert.equal(value("jobs", { ...plants, state: "waiting" }), 5);
    assert.equal(value("jobs", { ...plants, state: "failed" }), 3);
    assert.equal(value("jobs", { recipe: beds.recipe, state: "waiting" }), 0);
    assert.equal(value("oldest_waiting_seconds", plants), 61.5);
    assert.equal(value("ended_total", { ...plants, outcome: "succeeded" }), 100);
    assert.equal(value("ended_total", { ...plants, outcome: "failed" }), 4);
    assert.equal(value("paused", plants), 0);
    assert.equal(value("paused", { recipe: beds.recipe }), 1);

    depths = undefined;
    value = await read();
    assert.equal(value("reachable", {}), 0);
    assert.equal(value("jobs", { ...plants, state: "waiting" }), undefined);
    assert.equal(value("ended_total", { ...plants, outcome: "failed" }), undefined);
  });
});
