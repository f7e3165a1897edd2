import type { ColumnType, Generated } from "kysely";

/** A `node:sqlite` integer; every value we store is a safe one. */
type Integer = number;
type WrittenOnce<T> = ColumnType<T, T, never>;

/** The ledger's tables, column by column as `docs/ledger.md` describes them. */
export interface LedgerTables {
  recipe: RecipeTable;
  photo: PhotoTable;
  job: JobTable;
  owner: OwnerTable;
  placement: PlacementTable;
  result: ResultTable;
  result_detections: ResultDetectionsTable;
  result_count: ResultCountTable;
  picture: PictureTable;
}

interface RecipeTable {
  id: Generated<Integer>;
  hash: WrittenOnce<string>;
  /** Canonical JSON. */
  recipe: WrittenOnce<string>;
}

interface PhotoTable {
  id: Generated<Integer>;
  /** Absolute path, or the key in another source. */
  source: WrittenOnce<string>;
  size_bytes: Integer;
  mtime_us: Integer;
  /** Lower-case hex; null until the photo was read. */
  content_sha256: string | null;
}

export type JobState = "waiting" | "leased" | "done" | "set-aside";

interface JobTable {
  id: Generated<Integer>;
  photo_id: WrittenOnce<Integer>;
  recipe_id: WrittenOnce<Integer>;
  state: JobState;
  attempts: Integer;
  /** Who holds the lease; set exactly in the state `leased`. */
  owner: string | null;
  /** 1 from before the photo is read until it is done: what a death of the process is blamed on. */
  begun: Integer;
  /** The content that this job infers right now; unique, so identical bytes are inferred once. */
  claimed_sha256: string | null;
  result_id: Integer | null;
  reason_code: string | null;
  reason_message: string | null;
}

interface OwnerTable {
  id: WrittenOnce<string>;
  host: WrittenOnce<string>;
  pid: WrittenOnce<Integer>;
  process_start: WrittenOnce<string>;
  expires_at_ms: Integer;
}

/** Where something was inferred; a table of its own because reasons are long and few. */
interface PlacementTable {
  id: Generated<Integer>;
  /** As in `cpu` or `cuda:0`. */
  device: WrittenOnce<string>;
  /** Why it was not the device that was asked for; empty when it was. */
  fallback_reason: WrittenOnce<string>;
}

interface ResultTable {
  id: Generated<Integer>;
  content_sha256: WrittenOnce<string>;
  recipe_id: WrittenOnce<Integer>;
  width_px: WrittenOnce<Integer>;
  height_px: WrittenOnce<Integer>;
  object_count: WrittenOnce<Integer>;
  bed_count: WrittenOnce<Integer | null>;
  placement_id: WrittenOnce<Integer>;
  /** JSON object of milliseconds. */
  timings_ms: WrittenOnce<string>;
  created_at: WrittenOnce<string>;
}

export type Role = "detect" | "segment";

interface ResultDetectionsTable {
  result_id: WrittenOnce<Integer>;
  role: WrittenOnce<Role>;
  names: WrittenOnce<string>;
  objects: WrittenOnce<string>;
  masks: WrittenOnce<string | null>;
}

interface ResultCountTable {
  result_id: WrittenOnce<Integer>;
  /** 0 is the whole photo, 1…n the beds. */
  bed: WrittenOnce<Integer>;
  name: WrittenOnce<string>;
  count: WrittenOnce<Integer>;
}

interface PictureTable {
  /** Absolute path of the annotated picture. */
  file: WrittenOnce<string>;
  result_id: Integer;
}
