import type { ColumnType, Generated } from "kysely";

/** A `node:sqlite` integer; every value we store is a safe one. */
type Integer = number;
type WrittenOnce<T> = ColumnType<T, T, never>;

/** The ledger's tables, column by column as `docs/ledger.md` describes them. */
export interface LedgerTables {
  identity: IdentityTable;
  recipe: RecipeTable;
  photo: PhotoTable;
  entry: EntryTable;
  owner: OwnerTable;
  placement: PlacementTable;
  result: ResultTable;
  class_names: ClassNamesTable;
  result_objects: ResultObjectsTable;
  result_scores: ResultScoresTable;
  result_uncounted: ResultUncountedTable;
  result_region: ResultRegionTable;
  result_count: ResultCountTable;
  result_class: ResultClassTable;
  picture: PictureTable;
  correction: CorrectionTable;
  review: ReviewTable;
  review_count: ReviewCountTable;
  review_hold: ReviewHoldTable;
  review_list: ReviewListTable;
  review_list_photo: ReviewListPhotoTable;
  action: ActionTable;
  count_by_class: CountByClassView;
  throughput_by_hour: ThroughputByHourView;
}

export interface CountByClassView {
  recipe_hash: string;
  name: string;
  photos: Integer;
  count: Integer;
}

export interface ThroughputByHourView {
  hour: string;
  recipe_hash: string;
  device: string;
  photos: Integer;
  objects: Integer;
}

/** One row. */
export interface IdentityTable {
  /** A UUID, made with the database. */
  id: WrittenOnce<string>;
}

export interface RecipeTable {
  id: Generated<Integer>;
  hash: WrittenOnce<string>;
  /** Canonical JSON. */
  recipe: WrittenOnce<string>;
  /** For people; null where none was given. */
  name: string | null;
  /** ISO 8601, UTC, while runs take no photos of it. */
  paused_at: Generated<string | null>;
  paused_by: Generated<string | null>;
}

export interface PhotoTable {
  id: Generated<Integer>;
  /** Absolute path, or the key in another source. */
  source: WrittenOnce<string>;
  size_bytes: Integer;
  mtime_us: Integer;
  /** Lower-case hex, as it was last read; null until then. */
  content_sha256: string | null;
  /** ISO 8601 by the camera's clock, with the zone where it is known. */
  taken_at: string | null;
  /** Degrees, WGS 84. */
  latitude: number | null;
  longitude: number | null;
  /** Above sea level. */
  altitude_m: number | null;
  /** Above the ground, or the place where a drone took off. */
  height_m: number | null;
  /** Maker and model. */
  camera: string | null;
  /** Its serial number. */
  camera_id: string | null;
  focal_length_mm: number | null;
  /** Of the lens with the same angle of view on film of 36 × 24 mm. */
  focal_length_35mm: number | null;
  sensor_width_mm: number | null;
}

/** How far one photo is under one recipe. */
export type EntryState = "waiting" | "leased" | "done" | "failed" | "excluded";

export interface EntryTable {
  id: Generated<Integer>;
  photo_id: Integer;
  recipe_id: WrittenOnce<Integer>;
  state: Generated<EntryState>;
  attempts: Generated<Integer>;
  /** Who holds the lease; set exactly in the state `leased`. */
  owner: string | null;
  /** 1 from before the photo is read until it is done: what a death of the process is blamed on. */
  begun: Generated<Integer>;
  /**
   * The content that is being inferred for it now; unique, so identical bytes are inferred once.
   */
  claimed_sha256: string | null;
  result_id: Integer | null;
  reason_code: string | null;
  reason_message: string | null;
}

export interface OwnerTable {
  id: WrittenOnce<string>;
  host: WrittenOnce<string>;
  pid: WrittenOnce<Integer>;
  process_start: WrittenOnce<string>;
  expires_at_ms: Integer;
}

/** Where something was inferred; a table of its own because reasons are long and few. */
export interface PlacementTable {
  id: Generated<Integer>;
  /** As in `cpu` or `cuda:0`. */
  device: WrittenOnce<string>;
  /** Why it was not the device that was asked for; empty when it was. */
  fallback_reason: WrittenOnce<string>;
}

export interface ResultTable {
  id: Generated<Integer>;
  content_sha256: WrittenOnce<string>;
  recipe_id: WrittenOnce<Integer>;
  width_px: WrittenOnce<Integer>;
  height_px: WrittenOnce<Integer>;
  object_count: WrittenOnce<Integer>;
  region_count: WrittenOnce<Integer | null>;
  /** Inferences of the detector: 1 without slicing. */
  slice_count: WrittenOnce<Integer>;
  placement_id: WrittenOnce<Integer>;
  /** JSON object of milliseconds. */
  timings_ms: WrittenOnce<string>;
  created_at: WrittenOnce<string>;
  /** JSON list of codes; none is known of results of older versions. */
  warnings: WrittenOnce<string>;
  /** Of all objects that are recorded, the ones that do not count included; null without any. */
  best_score: WrittenOnce<number | null>;
  worst_score: WrittenOnce<number | null>;
  /** Recorded objects that score within 0.1 of the threshold of their class. */
  doubtful_count: WrittenOnce<Integer>;
}

/** A model's class names; a table of its own because one list serves all results of a model. */
export interface ClassNamesTable {
  id: Generated<Integer>;
  /** SHA-256 of `names`. */
  hash: WrittenOnce<string>;
  /** JSON: names by class id. */
  names: WrittenOnce<string>;
}

export interface ResultObjectsTable {
  result_id: WrittenOnce<Integer>;
  class_names_id: WrittenOnce<Integer>;
  objects: WrittenOnce<string>;
  masks: WrittenOnce<string | null>;
}

/** None for results of before version 6. */
export interface ResultScoresTable {
  result_id: WrittenOnce<Integer>;
  /** As `packScores` packs them: of the counted objects and of the others. */
  scores: WrittenOnce<Uint8Array>;
}

/** Objects below the counting threshold; a row only where there are any. */
export interface ResultUncountedTable {
  result_id: WrittenOnce<Integer>;
  /** As in `result_objects`. */
  objects: WrittenOnce<string>;
  masks: WrittenOnce<string | null>;
}

export interface ResultRegionTable {
  result_id: WrittenOnce<Integer>;
  /** 1…n */
  region: WrittenOnce<Integer>;
  class_id: WrittenOnce<Integer>;
  name: WrittenOnce<string>;
  score: WrittenOnce<number>;
  left_px: WrittenOnce<number>;
  top_px: WrittenOnce<number>;
  right_px: WrittenOnce<number>;
  bottom_px: WrittenOnce<number>;
  area_px: WrittenOnce<Integer>;
  /** COCO's compressed run lengths; the size is the photo's. */
  mask: WrittenOnce<string>;
}

export interface ResultCountTable {
  result_id: WrittenOnce<Integer>;
  /** 0 is the whole photo, 1…n the regions. */
  region: WrittenOnce<Integer>;
  name: WrittenOnce<string>;
  count: WrittenOnce<Integer>;
}

/** What is recorded of the objects of one name; a row only where there are any. */
export interface ResultClassTable {
  result_id: WrittenOnce<Integer>;
  name: WrittenOnce<string>;
  /** That of the result, by which rows are found. */
  recipe_id: WrittenOnce<Integer>;
  best_score: WrittenOnce<number>;
  worst_score: WrittenOnce<number>;
  /** Of these, the ones that count: as in `result_count`, on the whole photo. */
  count: WrittenOnce<Integer>;
}

export interface PictureTable {
  /** Absolute path of the annotated picture. */
  file: WrittenOnce<string>;
  result_id: Integer;
}

/** What a person changed of a result, one row for each step. Rows are only ever added. */
export interface CorrectionTable {
  /** A UUID, of who makes it: making it again changes nothing. */
  id: WrittenOnce<string>;
  result_id: WrittenOnce<Integer>;
  /** 1…n of its result, in the order in which they were made. */
  number: WrittenOnce<Integer>;
  kind: WrittenOnce<string>;
  /** `p0` is the first object of `result_objects`, `c3` the one that correction 3 added. */
  object: WrittenOnce<string | null>;
  class_id: WrittenOnce<Integer | null>;
  left_px: WrittenOnce<number | null>;
  top_px: WrittenOnce<number | null>;
  right_px: WrittenOnce<number | null>;
  bottom_px: WrittenOnce<number | null>;
  region: WrittenOnce<Integer | null>;
  /** The number of the correction that this one undoes. */
  undone_number: WrittenOnce<Integer | null>;
  made_by: WrittenOnce<string>;
  /** ISO 8601, UTC. */
  made_at: WrittenOnce<string>;
}

/** What the corrections of a result come to; a row from the first one on. */
export interface ReviewTable {
  result_id: WrittenOnce<Integer>;
  /** The number of the last correction. */
  version: Integer;
  object_count: Integer;
  /** Null unless a person says that all of the photo is right now. */
  reviewed_by: string | null;
  reviewed_at: string | null;
}

/** As `result_count`; for every result that has a row in `review`. */
export interface ReviewCountTable {
  result_id: WrittenOnce<Integer>;
  region: WrittenOnce<Integer>;
  name: WrittenOnce<string>;
  /** As it was counted without people. */
  predicted: WrittenOnce<Integer>;
  /** Predicted ones that a person left in, under this name. */
  confirmed: WrittenOnce<Integer>;
  /** With those that a person added. */
  count: WrittenOnce<Integer>;
}

/** Who looks at a photo, so that nobody else is given the same. */
export interface ReviewHoldTable {
  result_id: WrittenOnce<Integer>;
  held_by: string;
  /** Of the page, or the program: one person may have two. */
  session: string;
  until_ms: Integer;
}

/** Photos that are to be reviewed, as they were chosen at one time. */
export interface ReviewListTable {
  id: Generated<Integer>;
  /** A UUID, of who draws it: drawing it again changes nothing. */
  token: WrittenOnce<string>;
  recipe_id: WrittenOnce<Integer>;
  kind: WrittenOnce<string>;
  /** Null unless it was drawn at random. */
  seed: WrittenOnce<Integer | null>;
  /** How many photos were asked for. */
  size: WrittenOnce<Integer>;
  /** JSON: which photos it was chosen from. */
  filter: WrittenOnce<string>;
  /** How many these were. */
  photos: WrittenOnce<Integer>;
  /** JSON: what was counted on all of these, by name, where it was drawn at random. */
  predicted: WrittenOnce<string>;
  made_by: WrittenOnce<string>;
  made_at: WrittenOnce<string>;
}

export interface ReviewListPhotoTable {
  list_id: WrittenOnce<Integer>;
  /** 1…n */
  position: WrittenOnce<Integer>;
  photo_id: Integer;
  /** As it was when the list was made. */
  result_id: WrittenOnce<Integer>;
  /** What the photo was chosen by; null where by chance. */
  reason: WrittenOnce<number | null>;
}

/** What people do. */
export type ActionKind =
  | ("retry" | "exclude" | "include" | "forget" | "pause" | "resume")
  | ("retry-jobs" | "drop-jobs" | "move-jobs-first" | "pause-queue" | "resume-queue")
  | ("drain-worker" | "resume-worker" | "recycle-worker");

/** What somebody did, and to how many. */
export interface ActionTable {
  /** A UUID. */
  id: WrittenOnce<string>;
  /** ISO 8601, UTC. */
  began_at: WrittenOnce<string>;
  /** Null while it goes on, and where its process was killed. */
  ended_at: string | null;
  kind: WrittenOnce<ActionKind>;
  /** As the person said, or the account of the machine. */
  person: WrittenOnce<string>;
  via: WrittenOnce<"control room" | "command line">;
  /** A hash, not an id: the recipe of a queue may have no results yet. */
  recipe_hash: WrittenOnce<string | null>;
  /** JSON: which photos or jobs were meant. */
  filter: WrittenOnce<string>;
  /** How many were changed, as far as it went. */
  number: Integer;
}
