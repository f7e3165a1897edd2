import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatEta,
  formatPlural,
  formatRate,
} from "./quantities.ts";

const cases: [formatted: string, expected: string][] = [
  [formatBytes(0), "0 B"],
  [formatBytes(730_900), "731 kB"],
  [formatBytes(999_600), "1.0 MB"],
  [formatBytes(40_630_000), "40.6 MB"],
  [formatBytes(4_300_000_000), "4.3 GB"],
  [formatCount(0), "0"],
  [formatCount(1_234_567), "1,234,567"],
  [formatDuration(0), "0 ms"],
  [formatDuration(999.4), "999 ms"],
  [formatDuration(9_940), "9.9 s"],
  [formatDuration(59_400), "59 s"],
  [formatDuration(185_000), "3:05 min"],
  [formatDuration(7_380_000), "2:03:00 h"],
  [formatEta(1), "1 s"],
  [formatEta(59_001), "1:00 min"],
  [formatRate(1868.7), "1,869/s"],
  [formatRate(12.34), "12.3/s"],
  [formatRate(0.25), "15.0/min"],
  [formatPlural(0, "photo"), "0 photos"],
  [formatPlural(1, "photo"), "1 photo"],
];

for (const [formatted, expected] of cases) {
  test(`a quantity is formatted as ${expected}`, () => assert.equal(formatted, expected));
}
