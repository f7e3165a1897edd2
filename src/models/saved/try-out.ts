import type { Runtime, Session, Tensor } from "../../native/runtime.ts";

/**
 * Extents of a trial's inputs where the network leaves them free: a square and two rectangles. YOLO
 * networks take multiples of 64.
 */
const freeExtents = [
  [1, 3, 64, 64],
  [2, 3, 64, 128],
] as const;

/**
 * Runs a network on noise, of two sizes where it takes any.
 *
 * @returns the values of all its float32 outputs; undefined where it takes anything but pictures
 */
export async function tryOut(
  session: Session,
  runtime: Runtime,
): Promise<Float32Array | undefined> {
  const [input, ...others] = session.inputs;
  if (input === undefined || others.length > 0 || input.shape.length > 4) return undefined;
  const { name, elementType, shape } = input;
  if (elementType !== "float32" && elementType !== "uint8") return undefined;
  const shapes = freeExtents.map((extents) =>
    shape.map((extent, axis) => (typeof extent === "number" ? extent : extents[axis]!)),
  );
  const isFree = shape.some((extent) => typeof extent !== "number");
  const values: number[] = [];
  for (const extents of isFree ? shapes : shapes.slice(0, 1)) {
    using picture = runtime.createTensor(elementType, extents);
    fillWithNoise(picture);
    using held = new DisposableStack();
    const outputs = Object.values(await session.run({ [name]: picture }));
    for (const output of outputs) held.use(output);
    for (const { data } of outputs) {
      if (data instanceof Float32Array) for (const value of data) values.push(value);
    }
  }
  return Float32Array.from(values);
}

/** Of no pattern that a permutation of channels or pixels would keep. */
function fillWithNoise({ data, elementType }: Tensor<"float32" | "uint8">): void {
  let seed = 1;
  for (let i = 0; i < data.length; i++) {
    seed = (seed * 48_271) % 0x7fff_ffff;
    data[i] = elementType === "uint8" ? seed % 256 : seed / 0x7fff_ffff;
  }
}

/**
 * Whether two networks have answered alike but for rounding: all but one in 200 values, none of
 * which is infinite or no number in one answer only. Equal scores may bring boxes into another
 * order, which leaves three in four values where they were, and changes none of the others.
 */
export function areAlike(values: Float32Array, others: Float32Array): boolean {
  if (values.length !== others.length) return false;
  if (values.some((value, i) => Number.isFinite(value) !== Number.isFinite(others[i])))
    return false;
  const unlike = unlikeShare(values, others);
  if (unlike <= 1 / 200) return true;
  return unlike <= 1 / 4 && unlikeShare(values.toSorted(), others.toSorted()) <= 1 / 200;
}

function unlikeShare(values: Float32Array, others: Float32Array): number {
  return values.filter((value, i) => !isNear(value, others[i]!)).length / values.length;
}

/** Scores of less than 0.00001 are nothing. */
function isNear(value: number, other: number): boolean {
  const difference = Math.abs(value - other);
  const allowed = 1e-5 + 0.01 * (Math.abs(value) + Math.abs(other));
  return Object.is(value, other) || difference <= allowed;
}
