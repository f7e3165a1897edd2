/** The thread that `decodeHeic` starts: it decodes one photo, answers with its pixels, and ends. */
import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import type { Picture } from "../picture.ts";
import type { HeicAnswer, HeicRequest } from "./heic.ts";

/** As much of libheif-js as is used; it has no types of its own. */
interface LibHeif {
  readonly HeifDecoder: new () => { decode(bytes: Uint8Array): readonly HeifImage[] };
}
interface HeifImage {
  is_primary(): boolean;
  get_width(): number;
  get_height(): number;
  display(into: RgbaImage, done: (image: RgbaImage | null) => void): void;
}
interface RgbaImage {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;
}

/** libheif prints what is wrong with a photo; here it becomes the reason. */
const printed: string[] = [];
const collect = (...values: unknown[]) => {
  for (const value of values) {
    const { message = value } = (value ?? {}) as { message?: unknown };
    if (typeof message === "string" && message !== "heif_image_handle") printed.push(message);
  }
};
Object.assign(console, { log: collect, warn: collect, error: collect });

async function decode({ bytes, storedWh: [width, height] }: HeicRequest): Promise<Picture> {
  const libheif = createRequire(import.meta.url)("libheif-js/wasm-bundle") as LibHeif;
  const images = new libheif.HeifDecoder().decode(bytes);
  const image = images.find((one) => one.is_primary()) ?? images[0];
  if (image === undefined) throw new Error("it holds no picture");
  if (image.get_width() !== width || image.get_height() !== height) {
    throw new Error(`its header has ${width}×${height} pixels, and its picture others`);
  }
  const shown = await new Promise<RgbaImage | null>((resolve) => {
    image.display({ data: new Uint8ClampedArray(4 * width * height), width, height }, resolve);
  });
  if (shown === null) throw new Error("its picture cannot be decoded");
  const data = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; to < data.length; from += 4) {
    data[to++] = shown.data[from]!;
    data[to++] = shown.data[from + 1]!;
    data[to++] = shown.data[from + 2]!;
  }
  return { data, widthPx: width, heightPx: height };
}

const answer: HeicAnswer = await decode(workerData as HeicRequest).catch((error: Error) => ({
  error: [error.message, ...printed].map((line) => line.trim()).join(": "),
}));
parentPort!.postMessage(answer, "data" in answer ? [answer.data.buffer as ArrayBuffer] : []);
