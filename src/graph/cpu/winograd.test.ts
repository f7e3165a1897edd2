import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { inputTransform, outputMatrix, tileSize, tileStep, transformWeights } from "./winograd.ts";

/** Exact in float64. */
const pixels = Array.from({ length: tileSize }, (_, y) =>
  Array.from({ length: tileSize }, (_, x) => ((7 * y + 3 * x) % 11) - 5),
);
const filter = Float32Array.of(3, -6, 12, 24, 0, -9, 6, 15, -18);

function transformLine(line: readonly number[]): number[] {
  return inputTransform.map(({ taps, first, dilation }) =>
    taps.reduce((sum, tap, i) => sum + tap * line[first + i * dilation]!, 0),
  );
}

describe("Winograd's filtering", () => {
  test("gives what the convolution of a tile gives", () => {
    const rows = pixels[0]!.map((_, x) => transformLine(pixels.map((row) => row[x]!)));
    const weights = transformWeights(filter);
    const products = Array.from({ length: tileSize ** 2 }, (_, i) => {
      const [column, row] = [Math.floor(i / tileSize), i % tileSize];
      return weights[i]! * transformLine(rows.map((line) => line[row]!))[column]!;
    });
    const matrix = outputMatrix();
    for (let y = 0; y < tileStep; y++) {
      for (let x = 0; x < tileStep; x++) {
        const first = (y * tileStep + x) * products.length;
        const found = products.reduce((sum, product, i) => sum + matrix[first + i]! * product, 0);
        const expected = filter.reduce(
          (sum, weight, i) => sum + weight * pixels[y + Math.floor(i / 3)]![x + (i % 3)]!,
          0,
        );
        assert.ok(Math.abs(found - expected) < 1e-3, `${y}, ${x}: ${found}, ${expected}`);
      }
    }
  });

  test("keeps the filters of a layer apart", () => {
    const [one, both] = [transformWeights(filter), new Float32Array(18)];
    both.set(filter, 9);
    const transformed = transformWeights(both);
    for (const [i, value] of one.entries()) {
      assert.equal(Math.abs(transformed[2 * i]!), 0);
      assert.equal(transformed[2 * i + 1], value);
    }
  });
});
