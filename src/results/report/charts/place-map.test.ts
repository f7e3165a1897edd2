import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { binHours } from "./hour-bins.ts";
import { placeMap } from "./place-map.ts";

interface Drawn {
  readonly circles: readonly (readonly [x: number, y: number, radius: number])[];
  readonly barShare: number;
  readonly barText: string;
  readonly corners: string;
}

function draw(
  ...places: readonly (readonly [latitude: number, longitude: number, objects: number])[]
): Drawn {
  const { text } = placeMap(
    places.map(([latitude, longitude, objects]) => ({ latitude, longitude, objects, photos: 1 })),
    { title: "Places", summary: "" },
  );
  const circles = Array.from(
    text.matchAll(/<circle cx="([-\d.]+)" cy="([-\d.]+)" r="([\d.]+)"/g),
    ([, x, y, radius]) => [Number(x), Number(y), Number(radius)] as const,
  );
  const [, width, barText] = /class="scalebar" style="width:([\d.]+)%"><b>([^<]+)</.exec(text)!;
  const [, corners] = /class="corners">([^<]+)</.exec(text)!;
  return { circles, barShare: Number(width) / 100, barText: barText!, corners: corners! };
}

describe("a map of places", () => {
  test("has its distances as its scale bar says, and north up", () => {
    // A thousandth of a degree north is 111.3 m, a thousandth east at 60° half of that.
    const { circles, barShare, barText } = draw([60, 10, 4], [60.001, 10, 4], [60, 10.002, 4]);
    const [first, north, east] = circles;
    const metresPerUnit = Number(barText.replace(" m", "")) / (barShare * 560);
    assert.ok(Math.abs((first![1] - north![1]) * metresPerUnit - 111.3) < 1);
    assert.ok(Math.abs((east![0] - first![0]) * metresPerUnit - 111.3) < 1);
    assert.equal(first![0], north![0]);
  });

  test("has circles whose areas are as their objects, largest first", () => {
    const { circles } = draw([50, 10, 100], [50.1, 10, 400], [50.2, 10, 0]);
    assert.deepEqual(
      circles.map(([, , radius]) => radius),
      [26, 13, 3.5],
    );
  });

  test("shows one place in its middle, with 100 m around it", () => {
    const { circles, barText, corners } = draw([-52.5, -13.4, 0]);
    assert.deepEqual(circles, [[280, 180, 3.5]]);
    assert.equal(barText, "20 m");
    assert.equal(corners, "52.5000° S, 13.4000° W");
  });

  test("crosses the date line where that is the shorter way", () => {
    const { circles, corners } = draw([0, 179.9, 1], [0, -179.9, 1]);
    assert.ok(circles[1]![0] > circles[0]![0], "east is on the right");
    assert.equal(corners, "0.0000° N, 179.9000° E – 179.9000° W");
    assert.ok(draw([10, -170, 1], [10, 100, 1]).corners.includes("100.0000° E – 170.0000° W"));
  });
});

describe("objects over time", () => {
  const hoursOf = (...hours: readonly (readonly [name: string, objects: number])[]) =>
    hours.map(([name, objects]) => ({
      name,
      totals: { photos: 1, failed: 0, objects, countByName: new Map(), measured: undefined },
    }));

  test("are by hour within two days", () => {
    const { bins, nameOf, width } = binHours(
      hoursOf(["2026-05-12T22", 3], ["2026-05-13T01", 4]),
      40,
    );
    assert.equal(width, "an hour");
    assert.deepEqual(
      bins.map(({ from, count }) => [nameOf(from), count]),
      [
        ["05-12 22:00", 3],
        ["05-12 23:00", 0],
        ["05-13 00:00", 0],
        ["05-13 01:00", 4],
      ],
    );
  });

  test("are by day or more over a longer time, and none is lost", () => {
    const days = binHours(
      hoursOf(["2026-05-12T06", 1], ["2026-05-12T09", 2], ["2026-05-14T06", 4]),
      40,
    );
    assert.equal(days.width, "a day");
    assert.deepEqual(
      days.bins.map(({ count }) => count),
      [3, 0, 4],
    );
    const decades = binHours(hoursOf(["1990-01-01T00", 1], ["2026-05-14T06", 4]), 40);
    assert.equal(decades.width, "52 weeks");
    assert.equal(
      decades.bins.reduce((sum, { count }) => sum + count, 0),
      5,
    );
  });
});
