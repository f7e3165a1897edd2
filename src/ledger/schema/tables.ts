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
  picture: PictureTable;
  count_by_class: CountByClassView;
  throughput_by_hour: ThroughputByHourView;
}

interface CountByClassView {
  recipe_hash: string;
  name: string;
  photos: Integer;
  count: Integer;
}

interface ThroughputByHourView {
  hour: string;
  recipe_hash: string;
  device: string;
  photos: Integer;
  objects: Integer;
}

/** One row. */
interface IdentityTable {
  /** A UUID, made with the database. */
  id: WrittenOnce<string>;
}

interface RecipeTable {
  id: Generated<Integer>;
  hash: WrittenOnce<string>;
  /** Canonical JSON. */
  recipe: WrittenOnce<string>;
  /** For people; null where none was given. */
  name: string | null;
}

interface PhotoTable {
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
export type EntryState = "waiting" | "leased" | "done" | "failed";

interface EntryTable {
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
  region_count: WrittenOnce<Integer | null>;
  /** Inferences of the detector: 1 without slicing. */
  slice_count: WrittenOnce<Integer>;
  placement_id: WrittenOnce<Integer>;
  /** JSON object of milliseconds. */
  timings_ms: WrittenOnce<string>;
  created_at: WrittenOnce<string>;
  /** JSON list of codes; none is known of results of older versions. */
  warnings: WrittenOnce<string>;
}

/** A model's class names; a table of its own because one list serves all results of a model. */
interface ClassNamesTable {
  id: Generated<Integer>;
  /** SHA-256 of `names`. */
  hash: WrittenOnce<string>;
  /** JSON: names by class id. */
  names: WrittenOnce<string>;
}

interface ResultObjectsTable {
  result_id: WrittenOnce<Integer>;
  class_names_id: WrittenOnce<Integer>;
  objects: WrittenOnce<string>;
  masks: WrittenOnce<string | null>;
}

/** None for results of before version 6. */
interface ResultScoresTable {
  result_id: WrittenOnce<Integer>;
  /** As `packScores` packs them: of the counted objects and of the others. */
  scores: WrittenOnce<Uint8Array>;
}

/** Objects below the counting threshold; a row only where there are any. */
interface ResultUncountedTable {
  result_id: WrittenOnce<Integer>;
  /** As in `result_objects`. */
  objects: WrittenOnce<string>;
  masks: WrittenOnce<string | null>;
}

interface ResultRegionTable {
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

interface ResultCountTable {
  result_id: WrittenOnce<Integer>;
  /** 0 is the whole photo, 1…n the regions. */
  region: WrittenOnce<Integer>;
  name: WrittenOnce<string>;
  count: WrittenOnce<Integer>;
}

interface PictureTable {
  /** Absolute path of the annotated picture. */
  file: WrittenOnce<string>;
  result_id: Integer;
}
