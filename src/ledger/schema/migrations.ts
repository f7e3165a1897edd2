import type { Kysely } from "kysely";
import type { Migration, MigrationDialect } from "./migration.ts";
import { createTables } from "./migration-1-tables.ts";
import { addRegions } from "./migration-2-regions.ts";
import { createFirstViews } from "./migration-3-views.ts";
import { renameJobsToEntries } from "./migration-4-entries.ts";
import { nameRecipes } from "./migration-5-names.ts";
import { addScores } from "./migration-6-scores.ts";
import { addCapture } from "./migration-7-capture.ts";
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
