import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { barChart } from "./bar-chart.ts";
import { binCounts, niceCeiling } from "./histogram.ts";
import { binMoments, ratePerSecond, workingMs } from "./time-bins.ts";

const sumOf = (bins: readonly { count: number }[]) =>
  bins.reduce((sum, { count }) => sum + count, 0);

describe("binCounts", () => {
  test("has no bins of nothing", () => {
    assert.deepEqual(binCounts(new Map(), 24), []);
  });

  test("gives each number a bin of its own where they fit", () => {
    assert.deepEqual(
      binCounts(
        new Map([
          [3, 2],
          [5, 1],
        ]),
        24,
      ),
      [
        { from: 2, to: 3, count: 0 },
        { from: 3, to: 4, count: 2 },
        { from: 4, to: 5, count: 0 },
        { from: 5, to: 6, count: 1 },
        { from: 6, to: 7, count: 0 },
      ],
    );
  });

  test("gives a few bins neighbours, none of them below 0", () => {
    const startsOf = (value: number) =>
      binCounts(new Map([[value, 7]]), 24).map(({ from }) => from);
    assert.deepEqual(startsOf(12), [10, 11, 12, 13, 14]);
    assert.deepEqual(startsOf(1), [0, 1, 2, 3, 4]);
    assert.deepEqual(startsOf(0), [0, 1, 2, 3, 4]);
  });

  test("begins at multiples of a width that people count in, and loses nothing", () => {
    for (const max of [1, 9, 99, 541, 100_000, 12_345_678]) {
      const occurrences = new Map(
        Array.from({ length: 50 }, (_, i) => [Math.floor((max * i) / 49), 2]),
      );
      const bins = binCounts(occurrences, 24);
      assert.ok(bins.length <= 24);
      const { from, to } = bins[0]!;
      assert.match(String(to - from), /^[125]0*$/);
      assert.equal(from % (to - from), 0);
      assert.equal(sumOf(bins), 2 * occurrences.size);
    }
  });
});

test("niceCeiling is the next number that halves well", () => {
  const cases = [
    [0.013, 0.02],
    [0.3, 0.4],
    [1, 1],
    [2.5, 4],
    [6, 6],
    [11, 20],
    [541, 600],
    [81_000, 100_000],
  ] as const;
  for (const [value, ceiling] of cases) assert.equal(niceCeiling(value), ceiling);
});

describe("binMoments", () => {
  test("has no bins of nothing, and one of one moment", () => {
    assert.deepEqual(binMoments(new Float64Array(), 40), []);
    assert.equal(sumOf(binMoments(Float64Array.of(1234), 40)), 1);
  });

  test("fits a second and a decade into the bins that there are", () => {
    for (const spanMs of [900, 60_000, 36e5, 864e5, 3650 * 864e5]) {
      const moments = Float64Array.from({ length: 500 }, (_, i) => 1.78e12 + (spanMs * i) / 499);
      const bins = binMoments(moments, 40);
      assert.ok(bins.length > 3 && bins.length <= 40, `${spanMs}: ${bins.length}`);
      assert.equal(sumOf(bins), 500);
    }
  });
});

test("the rate leaves pauses between runs out", () => {
  const moments = Float64Array.of(0, 500, 1000, 1000 + 36e5, 1500 + 36e5);
  assert.equal(workingMs(moments), 1500);
  assert.equal(ratePerSecond(moments), 2);
  assert.equal(ratePerSecond(Float64Array.of(5)), undefined);
  assert.equal(ratePerSecond(Float64Array.of(5, 5)), undefined);
});

test("a chart says its numbers in a table as well, and shows the least of bars", () => {
  const bins = [
    { from: 0, to: 1, count: 100_000 },
    { from: 1, to: 2, count: 0 },
    { from: 2, to: 3, count: 1 },
  ];
  const { text } = barChart(bins, {
    title: "Objects",
    summary: "Most are none.",
    nameOf: ({ from }) => `<${from}>`,
    unit: ["photo", "photos"],
    tickOf: String,
    axis: "Objects",
  });
  assert.match(text, /role="img" aria-label="Objects\. Most are none\."/);
  assert.match(text, /<th scope="row">&lt;0&gt;<\/th><td class="number">100,000<\/td>/);
  assert.equal(text.match(/<th scope="row">/g)?.length, 2);
  assert.match(
    text,
    /<title>&lt;0&gt;: 100,000 photos<\/title>.*<title>&lt;2&gt;: 1 photo<\/title>/,
  );
  const heights = Array.from(text.matchAll(/<rect [^>]* height="([\d.]+)"/g), ([, height]) =>
    Number(height),
  );
  assert.equal(heights.length, 3);
  assert.ok(heights[0]! > 100 && heights[1] === 0 && heights[2]! >= 2);
});

test("labels below bars have room on a phone, however long they are", () => {
  const [phonePx, letterPx] = [260, 7.5];
  for (const label of [
    "7",
    "0.45",
    "1,000",
    "09:20:16",
    "09:21:09.4",
    "2026-12-01",
    "12-01 06:30",
  ]) {
    for (const isExact of [false, true]) {
      for (const length of [1, 2, 3, 4, 5, 12, 26, 40]) {
        const bins = Array.from({ length }, (_, i) => ({ from: i, to: i + 1, count: 1 }));
        const options = { title: "", summary: "", nameOf: String, axis: "", isExact };
        const unit = ["photo", "photos"] as const;
        const { text } = barChart(bins, { ...options, unit, tickOf: () => label });
        const ticks = text.matchAll(/class="tick" x="([\d.]+)%" [^>]*anchor="(\w+)"/g);
        const width = letterPx * label.length;
        const places = Array.from(ticks, ([, x, anchor]) => {
          const before = { start: 0, middle: width / 2, end: width }[anchor!]!;
          const left = (phonePx * Number(x)) / 100 - before;
          return [left, left + width] as const;
        });
        assert.ok(places.length > 0);
        const gaps = places.slice(1).map(([left], i) => left - places[i]![1]);
        assert.ok(Math.min(...gaps) > 4, `${length} × ${label} ${isExact}: ${gaps}`);
      }
    }
  }
});

describe("what bars are measured by", () => {
  /** The labels beside the bars, from the lowest up. */
  function levelsOf(count: number, heightOf?: () => number): string[] {
    const { text } = barChart([{ from: 0, to: 1, count }], {
      title: "",
      summary: "",
      nameOf: String,
      unit: ["photo", "photos"],
      tickOf: String,
      axis: "",
      heightOf,
    });
    const [, scale] = /<svg[^>]*aria-hidden="true">(.*?)<\/svg>/s.exec(text)!;
    return Array.from(scale!.matchAll(/>([^<]+)<\/text>/g), ([, label]) => label!);
  }

  test("is whole where it counts", () => {
    assert.deepEqual(levelsOf(1), ["0", "1"]);
    assert.deepEqual(levelsOf(5), ["0", "3", "6"]);
    assert.deepEqual(levelsOf(900), ["0", "500", "1,000"]);
    assert.deepEqual(
      levelsOf(1, () => 0.7),
      ["0", "0.4", "0.8"],
    );
  });
});
