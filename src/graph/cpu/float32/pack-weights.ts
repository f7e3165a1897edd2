/*
 * Winograd's minimal filtering: of a tile of 6 × 6 pixels, 36 products give 4 × 4 pixels of a
 * 3 × 3 convolution, which has 144. The matrix is that of Lavin & Gray (2016), "Fast Algorithms for
 * Convolutional Neural Networks", section 4.3, where it is called G; its points are 0, ±1, ±2 and
 * infinity.
 *
 * Where a convolution moves by two pixels, its outputs see even pixels by the first and the third
 * weight, and odd ones by the second. Of a line of five pixels, three products (points 0, 1 and
 * infinity) and two give two outputs: 25 products give 2 × 2 pixels, which has 36.
 */
const transforms = {
  1: Float64Array.of(
    ...[1 / 4, 0, 0],
    ...[-1 / 6, -1 / 6, -1 / 6],
    ...[-1 / 6, 1 / 6, -1 / 6],
    ...[1 / 24, 1 / 12, 1 / 6],
    ...[1 / 24, -1 / 12, 1 / 6],
    ...[0, 0, 1],
  ),
  2: Float64Array.of(
    ...[1, 0, 0], //
    ...[1, 0, 1],
    ...[0, 0, 1],
    ...[0, 1, 0],
    ...[0, 1, 0],
  ),
} as const;

/** Pixels by which a convolution by tiles moves. */
export type TileStride = keyof typeof transforms;

/** Products of a tile's edge. */
export function tileEdge(stride: TileStride): number {
  return transforms[stride].length / 3;
}

/** Extents of a convolution's weights, which lie in blocks of `lanes` outputs and inputs. */
export interface BlockedWeights {
  /** Output blocks × input blocks × kernel rows × kernel columns × inputs × outputs of a block. */
  readonly values: Float32Array;
  readonly outputs: number;
  readonly inputs: number;
  readonly kernel: number;
  readonly lanes: number;
}

/**
 * Packs weights as the operator Convolve reads them: output blocks two by two, and of each pair
 * kernel rows × kernel columns × inputs × its outputs. A last block without a pair is alone.
 */
export function packWeights(weights: BlockedWeights): Float32Array<ArrayBuffer> {
  const { values, inputs, kernel, lanes } = weights;
  const packed = new Float32Array(values.length);
  forEachFilter(weights, (from, pair, inPair, width) => {
    for (let place = 0; place < kernel ** 2; place++) {
      const to = pair * kernel ** 2 + place * inputs * width + inPair;
      packed[to] = values[from + place * lanes ** 2]!;
    }
  });
  return packed;
}

/**
 * Packs the weights of a 3 × 3 convolution, transformed, as the operator ConvolveTiles reads them:
 * products of a tile × output blocks two by two, and of each pair inputs × its outputs.
 */
export function packTiles(weights: BlockedWeights, stride: TileStride): Float32Array<ArrayBuffer> {
  const { values, outputs, inputs, lanes } = weights;
  const transform = transforms[stride];
  const edge = tileEdge(stride);
  const plane = outputs * inputs;
  const packed = new Float32Array(edge ** 2 * plane);
  // Of one filter: products of a line × its 3 rows.
  const lines = new Float64Array(3 * edge);
  const step = lanes ** 2;
  forEachFilter(weights, (from, pair, inPair) => {
    for (let row = 0; row < 3; row++) {
      const first = from + 3 * row * step;
      const [x, y, z] = [values[first]!, values[first + step]!, values[first + 2 * step]!];
      for (let i = 0; i < edge; i++) lines[3 * i + row] = transformed(transform, i, x, y, z);
    }
    for (let i = 0; i < edge; i++) {
      const [x, y, z] = [lines[3 * i]!, lines[3 * i + 1]!, lines[3 * i + 2]!];
      for (let row = 0; row < edge; row++) {
        const to = (row * edge + i) * plane + pair + inPair;
        packed[to] = transformed(transform, row, x, y, z);
      }
    }
  });
  return packed;
}

/** A row of a transform, times three values. */
function transformed(rows: Float64Array, row: number, x: number, y: number, z: number): number {
  return rows[3 * row]! * x + rows[3 * row + 1]! * y + rows[3 * row + 2]! * z;
}

/**
 * Calls `pack` for the filter of each output and input: where it begins, the weights of one place
 * of a kernel that the pairs before its own have, its place among those of its pair, and the
 * outputs of that.
 */
function forEachFilter(
  { outputs, inputs, kernel, lanes }: BlockedWeights,
  pack: (from: number, pair: number, inPair: number, width: number) => void,
): void {
  const blocks = outputs / lanes;
  for (let block = 0; block < blocks; block++) {
    const second = block % 2;
    const width = lanes * Math.min(2, blocks - block + second);
    const pair = (block - second) * lanes * inputs;
    for (let input = 0; input < inputs; input++) {
      const inputBlock = (block * inputs) / lanes + Math.floor(input / lanes);
      const from = (inputBlock * kernel ** 2 * lanes + (input % lanes)) * lanes;
      const inPair = input * width + second * lanes;
      for (let lane = 0; lane < lanes; lane++) pack(from + lane, pair, inPair + lane, width);
    }
  }
}
