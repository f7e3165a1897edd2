import sharp from "sharp";
import { askThread } from "../../../base/threads/ask-thread.ts";
import type { Picture } from "../picture.ts";
import { UnusableSamples } from "../samples/sample-layout.ts";

/** What the thread is given. */
export interface HeicRequest {
  readonly bytes: Uint8Array;
  /** As the header has it: what is decoded must be of that size. */
  readonly storedWh: readonly [number, number];
}

/** What the thread answers. */
export type HeicAnswer = Picture | { readonly error: string };

/** The optional package with the decoder; sharp's has none for patented codecs. */
const decoderModule = "libheif-js/wasm-bundle";

/** Whether libvips decodes HEIC itself, as one that sharp was not shipped with may do. */
export const isDecodedByLibvips = sharp.format.heif.input.fileSuffix?.includes(".heic") ?? false;

/**
 * Decodes a HEIC photo with libheif, in a thread of its own: 12 megapixels take seconds, in which
 * this thread's event loop would stand still, and 250 MB, which go with the thread.
 *
 * The pixels are Pillow's where the photo was compressed a little. libheif's WebAssembly leaves out
 * HEVC's last step, which smooths the edges of blocks: at quality 40 a third of the values differ
 * by 1 and more, the largest by 10.
 *
 * @throws UnusableSamples where the package is not installed, and an error that says what is wrong
 */
export async function decodeHeic(request: HeicRequest): Promise<Picture> {
  requireDecoder();
  const answer = (await askThread("vision/photo/formats/heic-thread", request)) as HeicAnswer;
  if ("error" in answer) throw new Error(answer.error);
  return answer;
}

function requireDecoder(): void {
  try {
    import.meta.resolve(decoderModule);
  } catch {
    throw new UnusableSamples(
      "it is a HEIC photo, and the package libheif-js, which decodes these, is not installed",
      "Run `npm install libheif-js` and try the photo again (--retry), or convert it to JPEG.",
    );
  }
}
