import { type Kysely, sql } from "kysely";
import {
  checkOptions,
  refuseUnknown,
  trueOrFalse,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import type { AccessOptions, Ledger } from "../ledger.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { type Hold, type HoldOptions, takeHold } from "./holds.ts";

/** A photo of a list, and how far its review is. */
export interface QueuedPhoto {
  /** 1…n of the list. */
  readonly position: number;
  readonly photoId: number;
  readonly resultId: number;
  /** Undefined where the photo was forgotten. */
  readonly source: string | undefined;
  /**
   * What it was chosen by: the objects near the threshold, the distance from its folder, the number
   * of warnings; undefined where by chance.
   */
  readonly reason: number | undefined;
  /**
   * `gone` where the photo was forgotten, or has other bytes than when the list was made; what was
   * counted then is not its result any more.
   */
  readonly state: "open" | "reviewed" | "gone";
  readonly predictedCount: number | undefined;
  /** As people left it; undefined where nobody corrected it. */
  readonly correctedCount: number | undefined;
  readonly reviewedBy: string | undefined;
  /** ISO 8601, UTC. */
  readonly reviewedAt: string | undefined;
  /** Who looks at it now. */
  readonly hold: Hold | undefined;
}

/** Which part of which list is read. */
export interface QueuePageOptions extends AccessOptions {
  readonly listId: number;
  /** The position where the page before ended. Default 0: the first page. */
  readonly after?: number | undefined;
  readonly limit: number;
  /** Leaves out what is reviewed or gone. Default false. */
  readonly isOpenOnly?: boolean | undefined;
}

/** A part of a list. */
export interface QueuePage {
  readonly photos: readonly QueuedPhoto[];
  /** Where the next page begins; undefined where there is none. */
  readonly next: number | undefined;
}

/** Reads a page of a list. */
export async function readQueuePage(ledger: Ledger, options: QueuePageOptions): Promise<QueuePage> {
  const { listId, after = 0, limit, isOpenOnly = false, signal, ...rest } = options;
  checkOptions({ limit: limit ?? null }, wholeNumberFrom(1));
  checkOptions({ listId: listId ?? null, after }, wholeNumberFrom(0));
  checkOptions({ isOpenOnly }, trueOrFalse);
  refuseUnknown("QueuePageOptions", options, rest);
  const rows = await ledger.read(
    (db) =>
      selectQueue(db, listId)
        .where("position", ">", after)
        .$if(isOpenOnly, (query) => query.where(isOpen))
        .orderBy("position")
        .limit(limit)
        .execute(),
    { signal },
  );
  return {
    photos: rows.map(toQueuedPhoto),
    next: rows.length === limit ? rows.at(-1)!.position : undefined,
  };
}

export interface TakeNextOptions extends HoldOptions {
  readonly listId: number;
  /** Goes on behind this position, and from the beginning at the end. Default 0. */
  readonly after?: number | undefined;
}

/** Candidates that one query looks for. */
const candidatesAtOnce = 20;

/**
 * Gives a person the next photo of a list that is not reviewed and that nobody else holds, and
 * holds it; undefined where there is none. Of several who ask at once each gets another.
 */
export async function takeNextPhoto(
  ledger: Ledger,
  { listId, after = 0, ...holder }: TakeNextOptions,
): Promise<QueuedPhoto | undefined> {
  const { signal } = holder;
  const spans = [[after, Infinity] as const, ...(after > 0 ? [[0, after] as const] : [])];
  for (const [begin, end] of spans) {
    for (let from = begin; ; ) {
      const rows = await ledger.read(
        (db) =>
          selectQueue(db, listId)
            .where("position", ">", from)
            .$if(end < Infinity, (query) => query.where("position", "<=", end))
            .where(isOpen)
            .orderBy("position")
            .limit(candidatesAtOnce)
            .execute(),
        { signal },
      );
      for (const row of rows) {
        const { isTaken, hold } = await takeHold(ledger, row.result_id, holder);
        if (isTaken) return { ...toQueuedPhoto(row), hold };
      }
      if (rows.length < candidatesAtOnce) break;
      from = rows.at(-1)!.position;
    }
  }
  return undefined;
}

/** How far the review of a list is. */
export interface QueueProgress {
  readonly photos: number;
  readonly reviewed: number;
  readonly open: number;
  /** Forgotten, or of other bytes now. */
  readonly gone: number;
  /** Open ones that people look at now. */
  readonly held: number;
}

/** Counts the photos of a list. */
export async function readQueueProgress(
  ledger: Ledger,
  listId: number,
  access: AccessOptions = {},
): Promise<QueueProgress> {
  const row = await ledger.read(
    (db) =>
      db
        .selectFrom(selectQueue(db, listId).as("queued"))
        .select(({ fn }) => fn.countAll<number>().as("photos"))
        .select(() => [
          sql<number>`count(case when state = 'reviewed' then 1 end)`.as("reviewed"),
          sql<number>`count(case when state = 'gone' then 1 end)`.as("gone"),
          sql<number>`count(case when state = 'open' and held_by is not null then 1 end)`.as(
            "held",
          ),
        ])
        .executeTakeFirstOrThrow(),
    access,
  );
  const { photos, reviewed, gone, held } = row;
  return { photos, reviewed, gone, held, open: photos - reviewed - gone };
}

const isThere = sql<boolean>`entry.state = 'done' and entry.result_id = queued.result_id`;
const isOpen = sql<boolean>`(${isThere} and review.reviewed_at is null)`;

function selectQueue(db: Kysely<LedgerTables>, listId: number) {
  return db
    .selectFrom("review_list_photo as queued")
    .innerJoin("review_list", "review_list.id", "queued.list_id")
    .leftJoin("photo", "photo.id", "queued.photo_id")
    .leftJoin("entry", (join) =>
      join
        .onRef("entry.photo_id", "=", "queued.photo_id")
        .onRef("entry.recipe_id", "=", "review_list.recipe_id"),
    )
    .leftJoin("result", "result.id", "queued.result_id")
    .leftJoin("review", "review.result_id", "queued.result_id")
    .leftJoin("review_hold", (join) =>
      join
        .onRef("review_hold.result_id", "=", "queued.result_id")
        .on("review_hold.until_ms", ">", Date.now()),
    )
    .where("queued.list_id", "=", listId)
    .select(["queued.position", "queued.photo_id", "queued.result_id", "queued.reason"])
    .select(["photo.source", "result.object_count as predicted_count"])
    .select(["review.object_count as corrected_count", "review.reviewed_by", "review.reviewed_at"])
    .select(["review_hold.held_by", "review_hold.session", "review_hold.until_ms"])
    .select(
      sql<QueuedPhoto["state"]>`
        case when not coalesce(${isThere}, false) then 'gone'
             when review.reviewed_at is not null then 'reviewed' else 'open' end`.as("state"),
    );
}

type QueueRow = Awaited<ReturnType<ReturnType<typeof selectQueue>["execute"]>>[number];

function toQueuedPhoto(row: QueueRow): QueuedPhoto {
  return {
    position: row.position,
    photoId: row.photo_id,
    resultId: row.result_id,
    source: row.source ?? undefined,
    reason: row.reason ?? undefined,
    state: row.state,
    predictedCount: row.predicted_count ?? undefined,
    correctedCount: row.corrected_count ?? undefined,
    reviewedBy: row.reviewed_by ?? undefined,
    reviewedAt: row.reviewed_at ?? undefined,
    hold:
      row.held_by === null
        ? undefined
        : { by: row.held_by, session: row.session!, untilMs: row.until_ms! },
  };
}
