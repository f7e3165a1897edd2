import { runMigrations, SchemaVersionMismatchError } from "bullmq";
import type { PoolClient } from "pg";
import { OrangeryError } from "../../../errors.ts";
import { anyTextAdvice, takesAnyText } from "../../../ledger/databases/postgres-error.ts";

/** BullMQ's own name for the schema of its tables, so that its other programs find them. */
export const bullmqSchema = "bullmq";

/** The schema of the data beside the jobs. */
export const queueSchema = "orangery_queue";

/** The migrations of the schema, in order; the version is the number that have been applied. */
const migrations: readonly string[] = [
  `create table ${queueSchema}.worker (
     queue text not null,
     field text not null,
     status text not null,
     expires_at timestamptz not null,
     primary key (queue, field)
   );
   create table ${queueSchema}.recipe (
     queue text not null,
     hash text not null,
     json text not null,
     primary key (queue, hash)
   );
   create table ${queueSchema}.results (
     queue text primary key,
     location text not null,
     identity text not null
   );
   create table ${queueSchema}.death (
     queue text not null,
     job text not null,
     marks integer not null,
     primary key (queue, job)
   );
   create table ${queueSchema}.partial_work (
     queue text not null,
     job text not null,
     bytes bytea not null,
     expires_at timestamptz not null,
     primary key (queue, job)
   );
   -- A mark that a crash of the server loses is one death less: not worth a wait for the disk.
   create function ${queueSchema}.mark_deaths(p_queue text, p_job text, p_marks integer)
   returns void language plpgsql as $$
   begin
     perform set_config('synchronous_commit', 'off', true);
     insert into ${queueSchema}.death values (p_queue, p_job, p_marks)
     on conflict (queue, job) do update set marks = excluded.marks;
   end $$;
   create function ${queueSchema}.write_worker(
     p_queue text, p_field text, p_status text, p_lifetime_ms integer
   ) returns void language plpgsql as $$
   begin
     perform set_config('synchronous_commit', 'off', true);
     insert into ${queueSchema}.worker
     values (p_queue, p_field, p_status, now() + p_lifetime_ms * interval '1 ms')
     on conflict (queue, field)
     do update set status = excluded.status, expires_at = excluded.expires_at;
   end $$;
   -- BullMQ's own puts a job that is given back at the end of the line.
   create function ${queueSchema}.give_back(p_queue text, p_job text, p_token text, p_now bigint)
   returns bigint language plpgsql set search_path = ${bullmqSchema} as $$
   declare
     v_wait bigint := move_active_to_wait(p_queue, p_job, p_token, p_now);
   begin
     if v_wait >= 0 then
       update job set seq = -nextval('job_seq')
        where queue = p_queue and id = p_job and state = 'waiting' and seq > 0;
     end if;
     return v_wait;
   end $$;`,
];

export interface PrepareSchemaOptions {
  /** Whether the tables are made where there are none. */
  readonly isMade: boolean;
}

/**
 * Checks that a database has a queue's tables, and creates or migrates them.
 *
 * @throws `QUEUE_NOT_FOUND`, `QUEUE_ACCESS_DENIED`, `QUEUE_REFUSED`, and what the server refuses
 */
export async function prepareSchema(
  client: PoolClient,
  { isMade }: PrepareSchemaOptions,
): Promise<void> {
  const version = await versionOf(client);
  if (version === migrations.length) return;
  if (version > migrations.length) throw newer(version);
  if (version === 0 && !isMade) throw noQueue();
  if (version === 0) await refuseEncoding(client);
  try {
    await runMigrations(client);
    await migrate(client);
  } catch (error) {
    if (error instanceof SchemaVersionMismatchError) throw newerBullmq(error);
    throw (error as NodeJS.ErrnoException).code === "42501"
      ? await forbidden(client, error)
      : error;
  }
}

/** BullMQ's own functions have letters that not every encoding has, and so have photos. */
async function refuseEncoding(client: PoolClient): Promise<void> {
  const { rows } = await client.query("show server_encoding");
  const encoding = rows[0].server_encoding;
  if (takesAnyText(encoding)) return;
  throw new OrangeryError(
    "QUEUE_REFUSED",
    `Expected a PostgreSQL database in UTF8 for the queue, got one in ${encoding}. ` +
      anyTextAdvice,
    { details: { expected: "UTF8", came: encoding } },
  );
}

/** Returns the version of the queue's schema; 0 where there is none. */
async function versionOf(client: PoolClient): Promise<number> {
  // `to_regclass` would fail if the user has no rights on the schema.
  const tables = await client.query(
    "select 1 from pg_tables where schemaname = $1 and tablename = 'version'",
    [queueSchema],
  );
  if (tables.rows.length === 0) return 0;
  const { rows } = await client.query(`select version from ${queueSchema}.version`);
  return rows[0]?.version ?? 0;
}

/** The key of the lock under which the schema is made: "ORNQ". */
const migrationLock = 0x4f524e51;

async function migrate(client: PoolClient): Promise<void> {
  await client.query("begin");
  try {
    await client.query("select pg_advisory_xact_lock($1)", [migrationLock]);
    await client.query(`create schema if not exists ${queueSchema}`);
    await client.query(
      `create table if not exists ${queueSchema}.version (version integer not null)`,
    );
    // Another process may have been faster.
    const done = await versionOf(client);
    for (const migration of migrations.slice(done)) await client.query(migration);
    await client.query(`delete from ${queueSchema}.version`);
    await client.query(`insert into ${queueSchema}.version values ($1)`, [migrations.length]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback");
    throw error;
  }
}

async function forbidden(client: PoolClient, cause: unknown): Promise<OrangeryError> {
  const { rows } = await client.query(
    "select current_database() as database, current_user as role",
  );
  const { database, role } = rows[0];
  return new OrangeryError(
    "QUEUE_ACCESS_DENIED",
    `Expected the right to make the queue's schemas, ${bullmqSchema} and ${queueSchema}, in the ` +
      `database ${database}, got "${(cause as Error).message}". Let its owner run: ` +
      `grant create on database "${database}" to "${role}";`,
    { cause, details: { database, role } },
  );
}

function noQueue(): OrangeryError {
  return new OrangeryError(
    "QUEUE_NOT_FOUND",
    "Expected a queue in the PostgreSQL database of --queue-url, but there is none. " +
      "Add photos with `orangery enqueue`, or check the database in the URL.",
  );
}

function newer(version: number): OrangeryError {
  return new OrangeryError(
    "QUEUE_REFUSED",
    `Expected a queue of this version of Orangery, ${migrations.length}, got version ${version}: ` +
      "a newer Orangery has been here. Update this one.",
    { details: { version } },
  );
}

function newerBullmq(cause: SchemaVersionMismatchError): OrangeryError {
  return new OrangeryError(
    "QUEUE_REFUSED",
    `Expected a queue of this version of BullMQ, got one that needs ` +
      `${cause.minimumClientVersion}. Update the package bullmq.`,
    { cause },
  );
}
