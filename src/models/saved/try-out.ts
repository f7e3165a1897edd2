import { inputAxes, inputExtent, inputLayoutOf } from "../../graph/byte-input.ts";
import type { Runtime, Session, Tensor } from "../../native/runtime.ts";

/**
 * Pictures of a trial where the network leaves their number and extents free: a square and two
 * rectangles. YOLO networks take multiples of 64.
 */
const freePictures = [
  { batch: 1, channels: 3, height: 64, width: 64 },
  { batch: 2, channels: 3, height: 64, width: 128 },
] as const;

/** What a network answers to a trial. */
export interface Answers {
  /** Values whose place counts. */
  readonly values: Float32Array;
  /** The boxes of a head that orders them by score, which rounding may turn round. */
  readonly boxes: readonly Float32Array[];
}

/**
 * Runs a network on noise, of two sizes where it takes any.
 *
 * @returns the values of all its float32 outputs; undefined where it takes anything but pictures
 */
export async function tryOut(session: Session, runtime: Runtime): Promise<Answers | undefined> {
  const [input, ...others] = session.inputs;
  if (input === undefined || others.length > 0 || input.shape.length > 4) return undefined;
  const { name, elementType, shape } = input;
  if (elementType !== "float32" && elementType !== "uint8") return undefined;
  const layout = inputLayoutOf(session.metadata);
  const axes = inputAxes[layout];
  const shapes = freePictures.map((picture) =>
    shape.map((extent, axis) => (typeof extent === "number" ? extent : picture[axes[axis]!])),
  );
  const isFree = shape.some((extent) => typeof extent !== "number");
  const values: number[] = [];
  const boxes: Float32Array[] = [];
  for (const extents of isFree ? shapes : shapes.slice(0, 1)) {
    using picture = runtime.createTensor(elementType, extents);
    fillWithNoise(picture, layout);
    using held = new DisposableStack();
    const outputs = Object.values(await session.run({ [name]: picture }));
    for (const output of outputs) held.use(output);
    for (const { data, shape } of outputs) {
      if (!(data instanceof Float32Array)) continue;
      if (areBoxes(shape)) boxes.push(...rowsOf(data, shape[2]!));
      else for (const value of data) values.push(value);
    }
  }
  return { values: Float32Array.from(values), boxes };
}

/** Most boxes of a head that orders them: 300, where nobody exported it with more. */
const mostBoxes = 1000;
/** Anchors of the least picture: an output with as many columns has a column for each. */
const leastAnchors = 84;

/** Whether an output is (batch, boxes, values of a box), and not (batch, channels, anchors). */
function areBoxes(shape: readonly number[]): boolean {
  const [, rows = 0, columns = 0] = shape;
  return shape.length === 3 && rows <= mostBoxes && columns >= 6 && columns < leastAnchors;
}

function rowsOf(data: Float32Array, length: number): Float32Array[] {
  return Array.from({ length: data.length / length }, (_, row) =>
    data.slice(row * length, (row + 1) * length),
  );
}

/** Side of a block of one level, px. */
const blockPx = 8;

/**
 * Fills an input with the same bytes in every layout, as shares of 255 where it takes float32. They
 * have no pattern that a permutation of channels or pixels would keep, and blocks of their own
 * levels, as photos have areas: white noise makes scores of 1, which have no order.
 */
function fillWithNoise(
  { data, elementType, shape }: Tensor<"float32" | "uint8">,
  layout: keyof typeof inputAxes,
): void {
  let seed = 1;
  const next = () => {
    seed = (seed * 48_271) % 0x7fff_ffff;
    return seed / 0x7fff_ffff;
  };
  const extentOf = (axis: "channels" | "height" | "width") => inputExtent(shape, layout, axis) ?? 1;
  const [channels, height, width] = [extentOf("channels"), extentOf("height"), extentOf("width")];
  const pixels = height * width;
  const across = Math.ceil(width / blockPx);
  const down = Math.ceil(height / blockPx);
  const levels = Array.from({ length: (data.length / pixels) * down * across }, next);
  for (let i = 0; i < data.length; i++) {
    const [x, row, plane] = [i % width, Math.floor(i / width), Math.floor(i / pixels)];
    const blockRow = plane * down + Math.floor((row % height) / blockPx);
    const level = 0.75 * levels[blockRow * across + Math.floor(x / blockPx)]! + 0.25 * next();
    const byte = Math.floor(256 * level);
    const picture = Math.floor(plane / channels);
    const at = channels * (picture * pixels + (i % pixels)) + (plane % channels);
    data[layout === "pixels" ? at : i] = elementType === "uint8" ? byte : byte / 255;
  }
}

/**
 * Whether two networks have answered alike but for rounding: all but one in 200 values, none of
 * which is infinite or no number in one answer only, and all but one in 20 boxes, of which rounding
 * may let others in at the end.
 */
export function areAlike(answers: Answers, others: Answers): boolean {
  const { values, boxes } = answers;
  if (values.length !== others.values.length || boxes.length !== others.boxes.length) return false;
  const isOdd = (value: number, i: number) =>
    Number.isFinite(value) !== Number.isFinite(others.values[i]);
  if (values.some(isOdd)) return false;
  const unlike = values.filter((value, i) => !isNear(value, others.values[i]!)).length;
  const missing = boxes.filter((box) => !others.boxes.some((other) => areNear(box, other))).length;
  return unlike <= values.length / 200 && missing <= boxes.length / 20;
}

function areNear(box: Float32Array, other: Float32Array): boolean {
  return box.every((value, i) => isNear(value, other[i]!));
}

/** Scores of less than 0.00001 are nothing. What is infinite is near nothing but itself. */
function isNear(value: number, other: number): boolean {
  const difference = Math.abs(value - other);
  const allowed = 1e-5 + 0.01 * (Math.abs(value) + Math.abs(other));
  return Object.is(value, other) || (difference <= allowed && allowed < Number.POSITIVE_INFINITY);
}
