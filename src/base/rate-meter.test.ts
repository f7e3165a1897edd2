import assert from "node:assert/strict";
import { test } from "node:test";
import { RateMeter } from "./rate-meter.ts";

function createMeter() {
  let now = 1000;
  const meter = new RateMeter(() => now);
  return {
    meter,
    advance: (ms: number) => {
      now += ms;
    },
  };
}

test("a new meter shows nothing", () => {
  const { meter, advance } = createMeter();
  assert.equal(meter.perSecond, 0);
  advance(5000);
  assert.equal(meter.perSecond, 0);
});

test("a steady rate is shown as it is", () => {
  const { meter, advance } = createMeter();
  for (let i = 0; i < 500; i++) {
    advance(100);
    meter.add(1);
  }
  assert.ok(Math.abs(meter.perSecond - 10) < 0.2);
});

test("what was long ago is forgotten, and standing still shows", () => {
  const { meter, advance } = createMeter();
  meter.add(100_000);
  for (let i = 0; i < 60; i++) {
    advance(1000);
    meter.add(2);
  }
  assert.ok(Math.abs(meter.perSecond - 2) < 0.2);
  advance(30_000);
  assert.ok(meter.perSecond < 1.2);
});
