import { readFileSync } from "node:fs";
import { programFile } from "../../base/files/program-file.ts";

/** As much of the runtime's global as is used here; `@types/node` leaves it to the DOM's types. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

/** Blends two lines into one row. */
type Blend = (
  upper: number,
  lower: number,
  upperWeight: number,
  lowerWeight: number,
  count: number,
  out: number,
) => void;

/** The functions of resize.wasm, which resize.wat describes; all places are addresses. */
export interface ResizeKernel {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  sampleRgb(row: number, taps: number, count: number, line: number): void;
  sampleGrey(row: number, taps: number, count: number, line: number): void;
  sampleMixed(row: number, taps: number, count: number, line: number): void;
  blendRgb(
    upper: number,
    lower: number,
    upperWeight: number,
    lowerWeight: number,
    count: number,
    out: number,
    planeBytes: number,
  ): void;
  readonly blendPixels: Blend;
  readonly blendGrey: Blend;
  splitRgb(row: number, count: number, out: number, planeBytes: number): void;
  toFloats(bytes: number, count: number, floats: number): void;
}

const pageBytes = 65_536;

let kernel: ResizeKernel | undefined;

/**
 * Returns this thread's kernel, with at least this many bytes of memory. The memory is shared: its
 * contents are valid only until the caller next yields.
 */
export function resizeKernel(byteLength: number): ResizeKernel {
  kernel ??= instantiate();
  const missing = byteLength - kernel.memory.buffer.byteLength;
  if (missing > 0) kernel.memory.grow(Math.ceil(missing / pageBytes));
  return kernel;
}

function instantiate(): ResizeKernel {
  const code = readFileSync(programFile("vision/letterbox/resize.wasm"));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(code));
  return exports as ResizeKernel;
}

/** Rounds up to the 16 bytes or values that the kernel handles at once. */
export function roundUpTo16(count: number): number {
  return (count + 15) & ~15;
}
