import type { DatabaseSync } from "node:sqlite";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  type SqliteDatabase,
  SqliteDialect,
  SqliteDriver,
  sql,
} from "kysely";
import type { MigrationDialect } from "../schema/steps/migration.ts";

/** Kysely's dialect of SQLite on `node:sqlite`, which Kysely 0.29 does not support. */
export class NodeSqliteDialect extends SqliteDialect {
  readonly #sqlite: DatabaseSync;

  constructor(sqlite: DatabaseSync) {
    super({ database: adapt(sqlite) });
    this.#sqlite = sqlite;
  }

  override createDriver(): Driver {
    return new ImmediateDriver(this.#sqlite);
  }
}

/**
 * Takes the write lock when a transaction starts. A deferred transaction that reads first and
 * writes later fails with SQLITE_BUSY if another process wrote in between, and waiting does not
 * help. With the lock taken first, only the start can be busy, and can safely be repeated.
 */
class ImmediateDriver extends SqliteDriver {
  readonly #sqlite: DatabaseSync;

  constructor(sqlite: DatabaseSync) {
    super({ database: adapt(sqlite) });
    this.#sqlite = sqlite;
  }

  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin immediate"));
  }

  /** SQLite rolls back by itself when the disk is full; a second rollback would hide that error. */
  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#sqlite.isTransaction) await super.rollbackTransaction(connection);
  }
}

function adapt(sqlite: DatabaseSync): SqliteDatabase {
  return {
    close: () => sqlite.close(),
    prepare(sql) {
      const statement = sqlite.prepare(sql);
      return {
        reader: statement.columns().length > 0,
        all: (parameters) => statement.all(...(parameters as never[])),
        run: (parameters) => statement.run(...(parameters as never[])),
        iterate: (parameters) => statement.iterate(...(parameters as never[])),
      };
    },
  };
}

export const sqliteMigrationDialect: MigrationDialect = {
  idType: "integer",
  rowKeyType: "integer",
  bytesType: "blob",
  keyTextType: "text",
  keptByKey: sql`without rowid`,
  json: (text) => text,
  jsonItems: (text, alias) => sql`json_each(${text}) as ${alias}`,
};
