import sharp, { type Sharp } from "sharp";
import { OneAtATime } from "../../base/one-at-a-time.ts";
import type { PhotoPlace } from "../../ledger/browse/photo-details.ts";
import { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import { reducePhoto } from "../../vision/drawing/reduce-photo.ts";
import { type OpenPhoto, openPhoto, openReduced } from "../../vision/photo/open-photo.ts";
import type { Picture } from "../../vision/photo/picture.ts";
import { PictureOnDisk } from "../../vision/photo/picture-on-disk.ts";
import { ReducedPicture } from "../../vision/photo/reduced-picture.ts";
import { Refusal } from "../server/answers.ts";
import { PictureCache } from "./picture-cache.ts";

/** The longer side of a picture, px. */
export const pictureSides = { thumb: 320, view: 2048 } as const;

/** The side of a tile, px. The page has the same number. */
export const tileSide = 512;

/** Which part of a photo, at which size: each level halves the size. */
export interface PictureTile {
  readonly level: number;
  readonly column: number;
  readonly row: number;
}

const cacheBytes = 64 * 2 ** 20;
/** A photo that tiles are cut of stays open for a while after the last one. */
const openForMs = 30_000;
/** Two at a time leave a run beside it the other cores. */
const makers = 2;

/** Makes the pictures of the page from the photos where they lie. */
export class PhotoPictures implements AsyncDisposable {
  readonly #photos: PhotoReader;
  readonly #cache = new PictureCache(cacheBytes);
  readonly #turns = Array.from({ length: makers }, () => new OneAtATime());
  /** One at a time is open for tiles. */
  #open: { readonly sha256: string; readonly photo: Promise<OpenPhoto> } | undefined;
  #closing: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #next = 0;

  /** @param allowPrivateAddresses Whether `http(s)` photos may come from private addresses. */
  constructor(allowPrivateAddresses = false) {
    this.#photos = new PhotoReader({ allowPrivateAddresses });
  }

  /**
   * Makes a small copy of a photo as WebP, of the orientation that the models were given.
   *
   * @throws `PHOTO_*`, `Refusal` where the photo is another one by now
   */
  async whole(place: PhotoPlace, size: keyof typeof pictureSides): Promise<Uint8Array> {
    const key = `${place.contentSha256} ${size}`;
    return await this.#cache.get(key, () =>
      this.#turn(() => this.#make(place, pictureSides[size])),
    );
  }

  /** Cuts a tile of a photo. */
  async tile(place: PhotoPlace, tile: PictureTile): Promise<Uint8Array> {
    const key = `${place.contentSha256} ${tile.level} ${tile.column} ${tile.row}`;
    return await this.#cache.get(key, async () => {
      // One after another, since all tiles are cut from one open photo, which may be on disk.
      const cut = this.#last.then(() => this.#cut(place, tile));
      this.#last = cut.catch(() => {});
      return await cut;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last;
    await this.#close();
    this.#photos[Symbol.dispose]();
  }

  async #turn<T>(work: () => Promise<T>): Promise<T> {
    this.#next = (this.#next + 1) % makers;
    return await this.#turns[this.#next]!.run(work);
  }

  async #read({ source, contentSha256 }: PhotoPlace): Promise<Uint8Array> {
    if (contentSha256 === undefined) throw new Refusal(404, "The photo was not counted.");
    const { bytes, content } = await this.#photos.read(source);
    if (content.sha256 === contentSha256) return bytes;
    throw new Refusal(409, "The photo has changed since it was counted.");
  }

  async #make(place: PhotoPlace, side: number): Promise<Uint8Array> {
    const bytes = await this.#read(place);
    const wantedWhOf = ([width, height]: readonly [number, number]) => {
      const share = Math.min(1, side / Math.max(width, height));
      return [width, height].map((px) => Math.max(1, Math.round(share * px))) as [number, number];
    };
    // No pixel limit: it was checked when the photo was counted.
    await using photo = await openReduced(bytes, { maxPixels: Infinity, wantedWhOf });
    const { pixels } = photo;
    const picture =
      pixels instanceof ReducedPicture ? pixels.picture : (await reducePhoto(pixels)).picture;
    return await toWebp(
      sharpOf(picture).resize(side, side, { fit: "inside", withoutEnlargement: true }),
    );
  }

  async #cut(place: PhotoPlace, { level, column, row }: PictureTile): Promise<Uint8Array> {
    const { pixels } = await this.#opened(place);
    const span = tileSide * 2 ** level;
    const [left, top] = [column * span, row * span];
    if (left >= pixels.widthPx || top >= pixels.heightPx) throw new Refusal(404, "No such tile.");
    const width = Math.min(span, pixels.widthPx - left);
    const height = Math.min(span, pixels.heightPx - top);
    const slice = { left, top, width, height };
    const image =
      pixels instanceof PictureOnDisk
        ? sharpOf(await pixels.cut(slice))
        : sharpOf(pixels).extract(slice);
    const size = [width, height].map((px) => Math.max(1, Math.round(px / 2 ** level)));
    return await toWebp(level === 0 ? image : image.resize(size[0], size[1], { fit: "fill" }));
  }

  async #opened(place: PhotoPlace): Promise<OpenPhoto> {
    if (this.#open?.sha256 !== place.contentSha256) {
      await this.#close();
      const photo = this.#read(place).then((bytes) => openPhoto(bytes, { maxPixels: Infinity }));
      this.#open = { sha256: place.contentSha256!, photo };
      photo.catch(() => {
        this.#open = undefined;
      });
    }
    clearTimeout(this.#closing);
    this.#closing = setTimeout(() => {
      this.#last = this.#last.then(() => this.#close());
    }, openForMs).unref();
    return await this.#open!.photo;
  }

  async #close(): Promise<void> {
    clearTimeout(this.#closing);
    const open = this.#open;
    this.#open = undefined;
    await (await open?.photo.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
}

function sharpOf({ data, widthPx, heightPx }: Picture): Sharp {
  const raw = { width: widthPx, height: heightPx, channels: 3 } as const;
  return sharp(data, { raw, limitInputPixels: false });
}

async function toWebp(image: Sharp): Promise<Uint8Array> {
  return await image.webp({ quality: 78, effort: 2 }).toBuffer();
}
