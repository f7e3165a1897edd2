/*
 * Winograd's minimal filtering F(4 × 4, 3 × 3): of a tile of 6 × 6 pixels, 36 products give 4 × 4
 * pixels of a 3 × 3 convolution, which has 144. The matrices are those of Lavin & Gray (2016),
 * "Fast Algorithms for Convolutional Neural Networks", section 4.3, where they are called Bᵀ, G
 * and Aᵀ; their points are 0, ±1, ±2 and infinity.
 */

/** Pixels of a tile's edge, each in one product of a row; the outputs of a tile's edge. */
export const tileSize = 6;
export const tileStep = 4;

/** One row of Bᵀ: what of a line of 6 pixels is summed up. */
export interface TileTaps {
  readonly taps: readonly number[];
  /** Pixel of the first tap. */
  readonly first: number;
  /** Pixels from one tap to the next. */
  readonly dilation: number;
}

export const inputTransform: readonly TileTaps[] = [
  { taps: [4, -5, 1], first: 0, dilation: 2 },
  { taps: [-4, -4, 1, 1], first: 1, dilation: 1 },
  { taps: [4, -4, -1, 1], first: 1, dilation: 1 },
  { taps: [-2, -1, 2, 1], first: 1, dilation: 1 },
  { taps: [2, -1, -2, 1], first: 1, dilation: 1 },
  { taps: [4, -5, 1], first: 1, dilation: 2 },
];

// Row after row of G.
const weightTransform = Float64Array.of(
  ...[1 / 4, 0, 0],
  ...[-1 / 6, -1 / 6, -1 / 6],
  ...[-1 / 6, 1 / 6, -1 / 6],
  ...[1 / 24, 1 / 12, 1 / 6],
  ...[1 / 24, -1 / 12, 1 / 6],
  ...[0, 0, 1],
);

const outputTransform = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

/** The product that counts once in each output of a line: there a bias can be added. */
export const biasProduct = 1;

/**
 * Transforms the weights of a 3 × 3 convolution.
 *
 * @param weights of outputs × inputs × 3 × 3
 * @returns the weights of each product: column of the tile × row of the tile × outputs × inputs
 */
export function transformWeights(weights: Float32Array): Float32Array {
  const count = weights.length / 9;
  const transformed = new Float32Array(tileSize * tileSize * count);
  // Of one filter: the columns of the tile × its 3 rows.
  const columns = new Float64Array(tileSize * 3);
  for (let filter = 0; filter < count; filter++) {
    for (let row = 0; row < 3; row++) {
      for (let column = 0; column < tileSize; column++) {
        columns[3 * column + row] = transformedAt(weights, 9 * filter + 3 * row, column);
      }
    }
    for (let column = 0; column < tileSize; column++) {
      for (let row = 0; row < tileSize; row++) {
        const value = transformedAt(columns, 3 * column, row);
        transformed[(column * tileSize + row) * count + filter] = value;
      }
    }
  }
  return transformed;
}

/** A row of G, times the three values from `first` on. */
function transformedAt(values: Float32Array | Float64Array, first: number, row: number): number {
  return (
    weightTransform[3 * row]! * values[first]! +
    weightTransform[3 * row + 1]! * values[first + 1]! +
    weightTransform[3 * row + 2]! * values[first + 2]!
  );
}

/**
 * Returns the matrix of 16 × 36 that turns a tile's products into its outputs: rows of outputs ×
 * columns of outputs, by columns of the tile × rows of the tile.
 */
export function outputMatrix(): Float32Array {
  const values = outputTransform.flatMap((vertical) =>
    outputTransform.flatMap((horizontal) => horizontal.flatMap((h) => vertical.map((v) => h * v))),
  );
  return Float32Array.from(values);
}
