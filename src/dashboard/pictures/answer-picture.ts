import type { ServerResponse } from "node:http";
import { readPhotoPlace } from "../../ledger/browse/photo-details.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { Refusal, send } from "../server/answers.ts";
import { type PhotoPictures, pictureSides } from "./photo-pictures.ts";

/** A picture does not change under its address, which names the content. */
const keptForS = 86_400;

export interface PictureQuestion {
  readonly ledger: Ledger;
  readonly pictures: PhotoPictures;
  readonly photoId: number;
  /** What follows the photo's id: `thumb`, `view`, or `tile`, a level, a column and a row. */
  readonly parts: readonly string[];
}

/** Sends a picture of a photo. @throws `Refusal`, `PHOTO_…`, `LEDGER_…` */
export async function answerPicture(
  response: ServerResponse,
  { ledger, pictures, photoId, parts }: PictureQuestion,
): Promise<void> {
  const place = await readPhotoPlace(ledger, photoId);
  if (place === undefined) throw new Refusal(404, "There is no such photo.");
  const [kind = "", ...numbers] = parts;
  let body: Uint8Array;
  if (Object.hasOwn(pictureSides, kind)) {
    body = await pictures.whole(place, kind as keyof typeof pictureSides);
  } else if (kind === "tile" && numbers.length === 3 && numbers.every((n) => /^\d{1,4}$/.test(n))) {
    const [level, column, row] = numbers.map(Number) as [number, number, number];
    body = await pictures.tile(place, { level: Math.min(level, 8), column, row });
  } else throw new Refusal(404, "There is no such picture.");
  const headers = { "cache-control": `private, max-age=${keptForS}` };
  send(response, { type: "image/webp", body, headers });
}
