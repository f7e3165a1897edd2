import type { Kysely, Transaction } from "kysely";
import type { Capture } from "../../vision/photo/capture/capture.ts";
import { inStatements } from "../schema/insert-rows.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { type CaptureColumns, captureColumns } from "./capture-columns.ts";
import { waitingAnew } from "./entry-rows.ts";
import { mergeMoved } from "./moved-photos.ts";

/** A photo as its source names it. */
export interface PhotoIdentity {
  /** Absolute path, URL without its signature, or key. Two sources are two photos. */
  readonly source: string;
  /** Together with `mtimeUs` it shows whether the photo has changed. Default 0: not known. */
  readonly sizeBytes?: number | undefined;
  readonly mtimeUs?: number | undefined;
}

export interface PhotoState extends PhotoIdentity {
  /** Undefined where it could not be read. */
  readonly contentSha256?: string | undefined;
  /** When and where it was taken; undefined where it was not read. */
  readonly capture?: Capture | undefined;
  /** Sources of the same content whose files are gone: they become this photo. Default none. */
  readonly movedFrom?: readonly string[] | undefined;
}

type IsOther = (photo: PhotoIdentity, row: Pick<PhotoRow, "size_bytes" | "mtime_us">) => boolean;

export interface SavePhotosOptions {
  /**
   * Whether a photo of unknown content is not the one that is known. Default {@link isOtherFile}.
   */
  readonly isOther?: IsOther | undefined;
}

/**
 * Records photos as they are now, and returns their ids by source. An entry whose photo has changed
 * waits again, under every recipe.
 */
export async function savePhotos(
  transaction: Transaction<LedgerTables>,
  photos: readonly PhotoState[],
  { isOther = isOtherFile }: SavePhotosOptions = {},
): Promise<ReadonlyMap<string, number>> {
  // In a fixed order, as with results; of a source named twice the last counts.
  const inOrder = [...new Map(photos.map((photo) => [photo.source, photo]))]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, photo]) => photo);
  const ids = new Map<string, number>();
  // Nearly all are new, so insert without looking them up.
  for (const { id, source } of await insertPhotos(transaction, inOrder)) ids.set(source, id);
  const others = inOrder.filter(({ source }) => !ids.has(source));
  const known = await findPhotos(
    transaction,
    others.map(({ source }) => source),
  );
  const changedIds: number[] = [];
  for (const photo of others) {
    const row = known.get(photo.source)!;
    ids.set(photo.source, row.id);
    const isChanged = hasChanged(photo, row, isOther);
    if (isChanged) changedIds.push(row.id);
    const { contentSha256 = row.content_sha256 ?? undefined, capture } = photo;
    if (!isChanged && contentSha256 === (row.content_sha256 ?? undefined)) {
      await saveCapture(transaction, row, capture);
      continue;
    }
    const isOtherContent = isChanged && photo.contentSha256 !== undefined;
    const newCapture = capture ?? (isOtherContent ? {} : undefined);
    await transaction
      .updateTable("photo")
      .set(stateColumns({ ...photo, contentSha256, capture: newCapture }))
      .where("id", "=", row.id)
      .execute();
  }
  for (const part of inStatements(changedIds, 1)) {
    await transaction
      .updateTable("entry")
      .set(waitingAnew)
      .where("photo_id", "in", part)
      .where("state", "not in", ["leased", "excluded"])
      .execute();
  }
  for (const { source, contentSha256, movedFrom: from } of inOrder) {
    if (from === undefined || contentSha256 === undefined) continue;
    await mergeMoved(transaction, { source, contentSha256, from });
  }
  return ids;
}

/** Saves what an older version did not read, or what is no longer to be kept. */
async function saveCapture(
  transaction: Transaction<LedgerTables>,
  row: PhotoRow,
  capture: Capture | undefined,
): Promise<void> {
  const columns = captureColumns(capture);
  const names = Object.keys(columns) as (keyof CaptureColumns)[];
  if (names.every((name) => columns[name] === row[name])) return;
  await transaction.updateTable("photo").set(columns).where("id", "=", row.id).execute();
}

function stateColumns({ sizeBytes = 0, mtimeUs = 0, contentSha256, capture }: PhotoState) {
  return {
    size_bytes: sizeBytes,
    mtime_us: mtimeUs,
    content_sha256: contentSha256 ?? null,
    ...captureColumns(capture),
  };
}

/** Returns the rows of those that were not there. */
async function insertPhotos(
  transaction: Transaction<LedgerTables>,
  photos: readonly PhotoState[],
): Promise<readonly Pick<PhotoRow, "id" | "source">[]> {
  const rows: Pick<PhotoRow, "id" | "source">[] = [];
  const news = photos.map((photo) => ({ source: photo.source, ...stateColumns(photo) }));
  for (const part of inStatements(news, 14)) {
    const inserted = await transaction
      .insertInto("photo")
      .values(part)
      .onConflict((conflict) => conflict.column("source").doNothing())
      .returning(["id", "source"])
      .execute();
    rows.push(...inserted);
  }
  return rows;
}

interface PhotoRow extends CaptureColumns {
  readonly id: number;
  readonly source: string;
  readonly size_bytes: number;
  readonly mtime_us: number;
  readonly content_sha256: string | null;
}

async function findPhotos(
  db: Kysely<LedgerTables>,
  sources: readonly string[],
): Promise<ReadonlyMap<string, PhotoRow>> {
  const rows: PhotoRow[] = [];
  for (const part of inStatements(sources, 1)) {
    rows.push(...(await db.selectFrom("photo").selectAll().where("source", "in", part).execute()));
  }
  return new Map(rows.map((row) => [row.source, row]));
}

/** Whether the photo is not the one that is known: by its content where both are known. */
function hasChanged(photo: PhotoState, row: PhotoRow, isOther: IsOther): boolean {
  const { contentSha256 } = photo;
  if (contentSha256 === undefined || row.content_sha256 === null) return isOther(photo, row);
  return contentSha256 !== row.content_sha256;
}

/** Whether size or time differ, where both are known. */
export function isOtherFile(
  { source, sizeBytes = 0, mtimeUs = 0 }: PhotoIdentity,
  row: Pick<PhotoRow, "size_bytes" | "mtime_us">,
): boolean {
  const areKnown = (a: number, b: number) => a !== 0 && b !== 0;
  return (
    (areKnown(sizeBytes, row.size_bytes) && sizeBytes !== row.size_bytes) ||
    (areKnown(mtimeUs, row.mtime_us) && isOtherTime({ source, mtimeUs }, row.mtime_us))
  );
}

/**
 * Whether a photo has another time than the recorded one. Objects of S3 have whole seconds
 * where they were recorded before schema 11, or where the server gives no tag of the content.
 */
export function isOtherTime(
  { source, mtimeUs = 0 }: Pick<PhotoIdentity, "source" | "mtimeUs">,
  recordedUs: number,
): boolean {
  const isWhole = (us: number) => us % 1e6 === 0;
  if (source.startsWith("s3://") && (isWhole(mtimeUs) || isWhole(recordedUs))) {
    return Math.floor(mtimeUs / 1e6) !== Math.floor(recordedUs / 1e6);
  }
  return mtimeUs !== recordedUs;
}
