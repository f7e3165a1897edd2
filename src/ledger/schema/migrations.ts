import type { Kysely } from "kysely";
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
];

/** The version of a database is the number of steps it has been through. */
export const schemaVersion = migrations.length;

/** The last version whose views belong to the steps; later ones get the present views. */
const lastVersionWithOwnViews = 3;

/** Runs the steps that a database of the version `found` has not been through. */
export async function bringUpToDate(
  db: Kysely<unknown>,
  dialect: MigrationDialect,
  found: number,
): Promise<void> {
  if (found > lastVersionWithOwnViews) await dropViews(db);
  for (const migration of migrations.slice(found)) await migration(db, dialect);
  await createViews(db, dialect);
}
