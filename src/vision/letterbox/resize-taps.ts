import { roundHalfEven } from "../rounding.ts";

/** The two source positions of each output position on one axis, and their weights in 1/2048. */
export interface ResizeTaps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

/**
 * Computes the taps of one axis. Outside the source, the horizontal pass drops the fraction; the
 * vertical pass keeps it and clamps its two rows to the same one. Both are OpenCV's behaviour.
 */
export function resizeTaps(
  sourceSize: number,
  size: number,
  axis: "horizontal" | "vertical",
): ResizeTaps {
  const taps: ResizeTaps = {
    first: new Int32Array(size),
    second: new Int32Array(size),
    firstWeight: new Int32Array(size),
    secondWeight: new Int32Array(size),
  };
  const last = sourceSize - 1;
  for (let i = 0; i < size; i++) {
    const position = Math.fround(((i + 0.5) * sourceSize) / size - 0.5);
    let index = Math.floor(position);
    let fraction = Math.fround(position - index);
    if (axis === "horizontal" && (index < 0 || index >= last)) {
      index = index < 0 ? 0 : last;
      fraction = 0;
    }
    taps.first[i] = Math.min(Math.max(index, 0), last);
    taps.second[i] = Math.min(Math.max(index + 1, 0), last);
    taps.firstWeight[i] = roundHalfEven(Math.fround(1 - fraction) * 2048);
    taps.secondWeight[i] = roundHalfEven(fraction * 2048);
  }
  return taps;
}
