import { queueSchema } from "../../fleet/queue/postgres/queue-schema.ts";
import { green, type Observation, red } from "../finding.ts";
import { type AskOptions, askPostgres } from "./ask-postgres.ts";
import { compareClocks } from "./clock.ts";

interface QueueState {
  readonly version: string;
  readonly is_read_only: boolean;
  readonly has_queue: boolean;
  readonly may_use: boolean | null;
  readonly may_create: boolean;
  readonly now_ms: number;
}

const question = `
  select current_setting('server_version') as version,
    pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' as is_read_only,
    exists (select 1 from pg_namespace where nspname = $1) as has_queue,
    (select has_schema_privilege(oid, 'usage') from pg_namespace where nspname = $1) as may_use,
    has_database_privilege(current_database(), 'create') as may_create,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`;

/** A queue on PostgreSQL, and the server's clock. Nothing is made or migrated. */
export async function lookAtPostgresQueue(
  url: string,
  options: AskOptions,
): Promise<ReadonlyMap<string, Observation>> {
  return await askPostgres(url, options, async (client, location) => {
    const askedAtMs = Date.now();
    const { rows } = await client.query<QueueState>(question, [queueSchema]);
    const [state] = rows as [QueueState];
    const clock = { server: "PostgreSQL", serverMs: state.now_ms, askedAtMs };
    return new Map([
      ["queue", describe(state, location)],
      ["clock", compareClocks({ ...clock, answeredAtMs: Date.now() })],
    ]);
  });
}

function describe(state: QueueState, location: string): Observation {
  const { version, is_read_only, has_queue, may_use, may_create } = state;
  const name = `PostgreSQL ${version}`;
  const figures = { location, version, hasQueue: has_queue, mayCreate: may_create };
  if (is_read_only) {
    return red(`${name} takes no writes, so no jobs.`, "Connect to the primary.", figures);
  }
  if (has_queue && may_use !== true) {
    return red(
      `${name}: this user may not use the queue's schema ${queueSchema}.`,
      "Let the user who made the queue grant its rights, or connect as that user.",
      figures,
    );
  }
  if (!has_queue && !may_create) {
    return red(
      `${name} has no queue, and this user may not make its schemas.`,
      "Let the owner of the database grant `create` on it to this user.",
      figures,
    );
  }
  const what = has_queue ? "has a queue" : "has no queue yet, and one can be made";
  return green(`${name} (${location}) ${what}.`, figures);
}
