/** Sizes of a network's input in pixels. */
export interface InputSize {
  readonly heightPx: number;
  readonly widthPx: number;
}

/** A network's input size, or "dynamic" where it is free. */
export type InputExtent = InputSize | "dynamic";

/** The largest height and width of an input. Beyond it a network's activations fill any memory. */
export const maxSidePx = 16384;
