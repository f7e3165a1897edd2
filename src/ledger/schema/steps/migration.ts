import type { Kysely, RawBuilder } from "kysely";

/** What the databases spell differently. */
export interface MigrationDialect {
  /** The type of a counted key. */
  readonly idType: "integer" | "bigserial";
  /** The type of a key that comes from another table, and by which rows are ordered. */
  readonly rowKeyType: "integer" | "bigint";
  readonly bytesType: "blob" | "bytea";
  /**
   * The type of texts by which rows are ordered: by their bytes, whatever the database's language.
   */
  readonly keyTextType: "text" | RawBuilder<unknown>;
  /** Ends the making of a table whose rows lie in the order of its key, without an index for it. */
  readonly keptByKey: RawBuilder<unknown>;
  /** JSON kept as text, for the operators `->` and `->>`. */
  json(text: RawBuilder<unknown>): RawBuilder<unknown>;
  /** A table of the items of a list in JSON kept as text, one row each, in a column `value`. */
  jsonItems(text: RawBuilder<unknown>, alias: RawBuilder<unknown>): RawBuilder<unknown>;
}

/** Reports how far a long step is: a share of 1. */
export type ReportShare = (done: number) => void;

export type Migration = (
  db: Kysely<unknown>,
  dialect: MigrationDialect,
  report: ReportShare,
) => Promise<void>;
