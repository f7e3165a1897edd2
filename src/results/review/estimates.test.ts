import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { estimateShare, wilsonInterval } from "./estimate-share.ts";
import { estimateTotal } from "./estimate-total.ts";
import { studentQuantile } from "./student-t.ts";
import { drawSurveys, makePopulation, makings } from "./surveys.fixture.ts";

const surveys = 1000;
const photos = 8000;

function sum(values: ArrayLike<number>): number {
  return Array.from(values).reduce((total, value) => total + value, 0);
}

/** In how many percent of surveys the intervals hold the truth. */
function coverage(name: string, size: number) {
  const population = makePopulation(makings[name]!, { photos, seed: 19 });
  const { predicted, confirmed, count } = population;
  const [predictedTotal, total] = [sum(predicted), sum(count)];
  const truth = {
    precision: sum(confirmed) / predictedTotal,
    recall: sum(confirmed) / total,
  };
  const held = { total: 0, precision: 0, recall: 0, naiveRecall: 0 };
  const holds = (interval: { low: number; high: number } | undefined, value: number) =>
    interval !== undefined && interval.low - 1e-9 <= value && value <= interval.high + 1e-9;
  let survey = 0;
  for (const sample of drawSurveys(population, { surveys, size, seed: 7 })) {
    const { interval } = estimateTotal({
      predicted: sample.predicted,
      corrected: sample.count,
      photos,
      predictedTotal,
      seed: survey++,
      rounds: 399,
    });
    const share = (all: Float64Array) => estimateShare({ all, having: sample.confirmed, photos });
    const there = sum(sample.count);
    const naive = there > 0 ? wilsonInterval(sum(sample.confirmed) / there, there) : undefined;
    if (holds(interval, total)) held.total++;
    if (holds(share(sample.predicted), truth.precision)) held.precision++;
    if (holds(share(sample.count), truth.recall)) held.recall++;
    if (holds(naive, truth.recall)) held.naiveRecall++;
  }
  const percent = (count: number) => (100 * count) / surveys;
  return {
    total: percent(held.total),
    precision: percent(held.precision),
    recall: percent(held.recall),
    naiveRecall: percent(held.naiveRecall),
  };
}

describe("of 1,000 surveys with known truth, intervals hold it in 93 to 97 of 100", () => {
  for (const name of Object.keys(makings)) {
    test(name, () => {
      const held = coverage(name, 100);
      assert.ok(held.total >= 93 && held.total <= 97, `total: ${held.total}`);
      assert.ok(held.precision >= 93 && held.precision <= 97.5, `precision: ${held.precision}`);
      // Where nothing is missed, none of the intervals can be wrong.
      const isMissing = makings[name]!.recall < 1;
      assert.ok(held.recall >= 93 && held.recall <= (isMissing ? 97 : 100), `${held.recall}`);
      // As if each object were drawn by itself: the objects of a photo are alike.
      const isAlike = /skewed|undercounting/.test(name);
      assert.equal(held.naiveRecall < 70, isAlike, `naive: ${held.naiveRecall}`);
    });
  }
});

test("what a sample cannot say is not said", () => {
  const sample = (predicted: number[], corrected: number[], photos = 1000) =>
    estimateTotal({ predicted, corrected, photos, predictedTotal: 5000, seed: 1 });
  const times = (n: number, value: number) => new Array<number>(n).fill(value);
  const few = sample(times(19, 5), times(19, 6));
  assert.deepEqual(
    [few.value, few.interval, few.method, few.wrongPhotos],
    [6000, undefined, "ratio", 19],
  );
  // All photos right: at most 3.7 % of the others may be wrong, by 5 objects each.
  const right = sample(times(100, 5), times(100, 5));
  assert.equal(right.value, 5000);
  const { low, high } = right.interval!;
  assert.ok(Math.abs(high - 5000 - 900 * 5 * 0.037) < 1, `${high}`);
  assert.ok(Math.abs(5000 - low - (high - 5000)) < 1e-6);
  // All photos sampled: nothing is estimated.
  const all = sample(times(50, 5), times(50, 4), 50);
  assert.deepEqual(all, {
    value: 200,
    interval: { low: 200, high: 200 },
    method: "counted",
    wrongPhotos: 50,
  });
  // Nothing was counted on the sample, and some is there: by the mean of photos.
  const missed = sample(times(40, 0), [...times(30, 0), ...times(10, 2)]);
  assert.deepEqual([missed.value, missed.method], [500, "mean"]);
  assert.ok(
    missed.interval!.low >= 20 && missed.interval!.low < 500 && missed.interval!.high > 700,
  );
  // Nothing was counted on the sample and nothing is there.
  const empty = sample(times(40, 0), times(40, 0));
  assert.deepEqual([empty.value, empty.method], [5000, "ratio"]);
  assert.ok(empty.interval!.low < 4600 && empty.interval!.high > 5400);
  const none = estimateTotal({
    ...{ predicted: [], corrected: [] },
    photos: 9,
    predictedTotal: 7,
    seed: 1,
  });
  assert.deepEqual([none.value, none.interval], [7, undefined]);
  // The same every time.
  const odd: [number[], number[]] = [times(30, 3), [...times(25, 3), 9, 0, 1, 2, 4]];
  assert.deepEqual(sample(...odd), sample(...odd));

  const share = (all: number[], having: number[], photos = 1000) =>
    estimateShare({ all, having, photos });
  assert.equal(share([0, 0], [0, 0]), undefined);
  assert.equal(share([3], [3]), undefined);
  const certain = share(times(50, 40), times(50, 40))!;
  // 50 photos, not 2,000 objects.
  assert.ok(certain.value === 1 && certain.low > 0.92 && certain.low < 0.94, `${certain.low}`);
  assert.deepEqual(share([4, 4], [3, 4], 2), { value: 7 / 8, low: 7 / 8, high: 7 / 8 });
});

test("the quantiles of Student's t leave 5 % outside", () => {
  for (const degrees of [1, 1.2, 1.7, 2, 2.5, 3, 4.5, 7, 12, 40, 1e4]) {
    const quantile = studentQuantile(degrees);
    // With x = tan(angle) · √ν the density becomes cos(angle) ^ (ν − 1).
    const inside = (limit: number) => {
      const steps = 20_000;
      let area = 0;
      for (let i = 0; i < steps; i++) {
        area += Math.cos(((i + 0.5) * limit) / steps) ** (degrees - 1) * (limit / steps);
      }
      return area;
    };
    const share = inside(Math.atan(quantile / Math.sqrt(degrees))) / inside(Math.PI / 2);
    assert.ok(Math.abs(share - 0.95) < (degrees < 2 ? 4e-3 : 2e-4), `${degrees}: ${share}`);
  }
});
