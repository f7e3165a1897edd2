import { OrangeryError } from "../../errors.ts";
import { roundHalfEven } from "../rounding.ts";

/** The place of a photo in a network's input: resized by one factor, centred, padded with grey. */
export interface Letterbox {
  /** The network's input, px. */
  readonly inputWidth: number;
  readonly inputHeight: number;
  /** The photo inside the input, px. */
  readonly resizedWidth: number;
  readonly resizedHeight: number;
  readonly padLeft: number;
  readonly padTop: number;
  /**
   * Input px per photo px for the way back: min(inputHeight/photoHeight, inputWidth/photoWidth).
   */
  readonly gain: number;
  readonly photoWidth: number;
  readonly photoHeight: number;
}

export interface LetterboxOptions {
  /** Width and height of the photo, px. */
  readonly photoWh: readonly [number, number];
  /** Width and height of the network's input, px; with `minimumRectangle`, the maximum. */
  readonly inputWh: readonly [number, number];
  /** The input's sides are multiples of this; only used with `minimumRectangle`. Default 32. */
  readonly stride?: number;
  /** Pad only to the next multiple of `stride` ("auto" in Ultralytics). Default false. */
  readonly minimumRectangle?: boolean;
}

/**
 * Plans the letterbox of Ultralytics (`LetterBox` with scaleup and center): Python's rounding, an
 * odd padding pixel at the right or below.
 *
 * @throws `INVALID_ARGUMENT` for sides or strides that are not whole numbers from 1 up.
 */
export function planLetterbox({
  photoWh: [photoWidth, photoHeight],
  inputWh: [maxWidth, maxHeight],
  stride = 32,
  minimumRectangle = false,
}: LetterboxOptions): Letterbox {
  for (const [name, value] of Object.entries({
    photoWidth,
    photoHeight,
    inputWidth: maxWidth,
    inputHeight: maxHeight,
    stride,
  })) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected \`${name}\` to be a whole number from 1 up, got ${value}.`,
    );
  }
  const ratio = Math.min(maxHeight / photoHeight, maxWidth / photoWidth);
  // A very long photo would round to a side of 0, to which Ultralytics cannot resize.
  const resizedWidth = Math.max(1, roundHalfEven(photoWidth * ratio));
  const resizedHeight = Math.max(1, roundHalfEven(photoHeight * ratio));
  const padding = (max: number, resized: number) =>
    (minimumRectangle ? (max - resized) % stride : max - resized) / 2;
  const padX = padding(maxWidth, resizedWidth);
  const padY = padding(maxHeight, resizedHeight);
  const padLeft = roundHalfEven(padX - 0.1);
  const padTop = roundHalfEven(padY - 0.1);
  const inputWidth = padLeft + resizedWidth + roundHalfEven(padX + 0.1);
  const inputHeight = padTop + resizedHeight + roundHalfEven(padY + 0.1);
  return {
    inputWidth,
    inputHeight,
    resizedWidth,
    resizedHeight,
    padLeft,
    padTop,
    gain: Math.min(inputHeight / photoHeight, inputWidth / photoWidth),
    photoWidth,
    photoHeight,
  };
}
