import { Socket } from "node:net";
import { sql } from "kysely";
import type { Pool, PoolConfig } from "pg";
import { OrangeryError } from "../../errors.ts";
import type { MigrationDialect } from "../schema/steps/migration.ts";

/**
 * Types of PostgreSQL (pg_type.oid) that `pg` returns as text so that large values keep their
 * digits. Ours are small.
 */
const numericTypes = new Set([
  20, // int8: ids, counts, sums of integers
  1700, // numeric: sums of int8
]);

/** How long the server may take to answer what it is asked when the pool is ended. */
const endMs = 2_000;

/**
 * Creates a pool of connections to the database at `url`, which are opened when they are needed.
 * Its end does not wait for a server that hangs: the connections are cut.
 */
export async function createPool(url: string, config: PoolConfig): Promise<Pool> {
  const { default: pg } = await importPg();
  const getTypeParser = (oid: number, format?: "text" | "binary") =>
    numericTypes.has(oid) ? Number : pg.types.getTypeParser(oid, format as "text");
  const sockets = new Set<Socket>();
  const pool = new pg.Pool({
    connectionString: url,
    stream: () => {
      const socket = new Socket();
      sockets.add(socket);
      return socket.once("close", () => sockets.delete(socket));
    },
    application_name: "orangery",
    connectionTimeoutMillis: 10_000,
    // Notices a server that vanished without closing the connection.
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser: getTypeParser as typeof pg.types.getTypeParser },
    ...config,
  });
  // A connection that breaks between two queries emits an `error` event, which would end the
  // process without a listener. The next query fails, or uses another connection.
  const ignore = () => {};
  pool.on("error", ignore);
  pool.on("connect", (client) => client.on("error", ignore));
  const end = pool.end.bind(pool);
  pool.end = async () => {
    // Also cuts connections without a request, whose end the server does not confirm.
    setTimeout(() => sockets.forEach((socket) => void socket.destroy()), endMs).unref();
    await end();
  };
  return pool;
}

async function importPg(): Promise<typeof import("pg")> {
  try {
    return await import("pg");
  } catch (cause) {
    throw new OrangeryError(
      "PACKAGE_MISSING",
      "Expected the package `pg` for PostgreSQL, and it is not installed. Run `npm install pg`.",
      { cause, details: { package: "pg" } },
    );
  }
}

export const postgresMigrationDialect: MigrationDialect = {
  idType: "bigserial",
  rowKeyType: "bigint",
  bytesType: "bytea",
  keyTextType: sql`text collate "C"`,
  keptByKey: sql``,
  json: (text) => sql`${text}::json`,
  jsonItems: (text, alias) => sql`json_array_elements(${text}::json) as ${alias}`,
};
