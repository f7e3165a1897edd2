import type { Kysely } from "kysely";
import { type LedgerUpdate, ledgerUpdateChannel } from "./ledger-update.ts";
import type { Migration, MigrationDialect } from "./steps/migration.ts";
import { createTables } from "./steps/migration-1-tables.ts";
import { addRegions } from "./steps/migration-2-regions.ts";
import { createFirstViews } from "./steps/migration-3-views.ts";
import { renameJobsToEntries } from "./steps/migration-4-entries.ts";
import { nameRecipes } from "./steps/migration-5-names.ts";
import { addScores } from "./steps/migration-6-scores.ts";
import { addCapture } from "./steps/migration-7-capture.ts";
import { addReview } from "./steps/migration-8-review.ts";
import { addActions } from "./steps/migration-9-actions.ts";
import { addScoreSummaries } from "./steps/migration-10-score-summaries.ts";
import { addClassCounts } from "./steps/migration-11-class-counts.ts";
import { createViews, dropViews } from "./views.ts";

/**
 * All steps from an empty database to the present tables, oldest first. Published ones are never
 * edited.
 */
const migrations: readonly Migration[] = [
  createTables,
  addRegions,
  createFirstViews,
  renameJobsToEntries,
  nameRecipes,
  addScores,
  addCapture,
  addReview,
  addActions,
  addScoreSummaries,
  addClassCounts,
];

/** The version of a database is the number of steps it has been through. */
export const schemaVersion = migrations.length;

/** The last version whose views are part of its steps; later ones get the current views. */
const lastVersionWithOwnViews = 3;

/** Runs the steps that a database of the version `from` has not been through. */
export async function bringUpToDate(
  db: Kysely<unknown>,
  dialect: MigrationDialect,
  { location, from }: Pick<LedgerUpdate, "location" | "from">,
): Promise<void> {
  if (from > lastVersionWithOwnViews) await dropViews(db);
  for (const [i, migration] of migrations.slice(from).entries()) {
    const report = (done: number) => {
      const { pid } = process;
      const update = { location, pid, from, to: schemaVersion, step: from + i + 1, done };
      ledgerUpdateChannel.publish(update satisfies LedgerUpdate);
    };
    report(0);
    await migration(db, dialect, report);
  }
  await createViews(db, dialect);
}
