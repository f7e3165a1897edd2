import type { Runtime, Session } from "../../native/runtime.ts";

/** Extents of a trial's input where the network leaves them free: YOLO networks take 64 s. */
const freeExtents = [1, 3, 64, 64];

/**
 * Runs a network on noise.
 *
 * @returns the values of all its float32 outputs; undefined where it takes anything but one picture
 */
export async function tryOut(
  session: Session,
  runtime: Runtime,
): Promise<Float32Array | undefined> {
  const [input, ...others] = session.inputs;
  if (input === undefined || others.length > 0 || input.shape.length > 4) return undefined;
  const { name, elementType } = input;
  if (elementType !== "float32" && elementType !== "uint8") return undefined;
  const shape = freeExtents.map((free, axis) => {
    const extent = input.shape[axis];
    return typeof extent === "number" ? extent : free;
  });
  using picture = runtime.createTensor(elementType, shape);
  // Of no pattern that a permutation of channels or pixels would keep.
  let seed = 1;
  for (let i = 0; i < picture.data.length; i++) {
    seed = (seed * 48_271) % 0x7fff_ffff;
    picture.data[i] = elementType === "uint8" ? seed % 256 : seed / 0x7fff_ffff;
  }
  const outputs = Object.values(await session.run({ [name]: picture }));
  try {
    const values = outputs.map(({ data }) => (data instanceof Float32Array ? [...data] : []));
    return Float32Array.from(values.flat());
  } finally {
    for (const output of outputs) output[Symbol.dispose]();
  }
}

/**
 * Whether two networks have answered alike but for rounding, which may have another box among equal
 * scores come first. Where channels are mixed up, hardly a value is.
 */
export function areAlike(values: Float32Array, others: Float32Array): boolean {
  if (values.length !== others.length) return false;
  const alike = values.filter((value, i) => isNear(value, others[i]!));
  return alike.length >= (3 / 4) * values.length;
}

function isNear(value: number, other: number): boolean {
  const difference = Math.abs(value - other);
  return Object.is(value, other) || difference <= 0.02 * (Math.abs(value) + Math.abs(other));
}
