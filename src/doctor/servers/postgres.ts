import { formatPlural } from "../../base/quantities.ts";
import { schemaVersion } from "../../ledger/schema/migrations.ts";
import { green, type Observation, red, yellow } from "../finding.ts";
import { type AskOptions, askPostgres } from "./ask-postgres.ts";
import { compareClocks } from "./clock.ts";

/** The row of the one query. */
interface PostgresState {
  readonly version: string;
  readonly number: string;
  readonly standby: boolean;
  readonly refuses: string;
  readonly schema: string | null;
  readonly may_use: boolean | null;
  readonly may_create: boolean | null;
  readonly has_ledger: boolean;
  /** Tables of the schema that this user may not write. */
  readonly closed: readonly string[];
  readonly most_connections: string;
  readonly connections: number;
  readonly now_ms: number;
}

const question = `
  select current_setting('server_version') as version,
    current_setting('server_version_num') as number,
    pg_is_in_recovery() as standby,
    current_setting('default_transaction_read_only') as refuses,
    current_schema() as schema,
    has_schema_privilege(current_schema(), 'usage') as may_use,
    has_schema_privilege(current_schema(), 'create') as may_create,
    exists (select 1 from pg_tables where schemaname = current_schema()
      and tablename = 'ledger_version') as has_ledger,
    (select coalesce(array_agg(relname::text order by relname), '{}') from pg_class
      where relnamespace = current_schema()::regnamespace and relkind = 'r'
      and not (has_table_privilege(oid, 'select') and has_table_privilege(oid, 'insert')
        and has_table_privilege(oid, 'update') and has_table_privilege(oid, 'delete'))) as closed,
    current_setting('max_connections') as most_connections,
    (select count(*)::int from pg_stat_activity) as connections,
    (extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms`;

/** The oldest version that is still maintained, in the autumn of 2026. */
const oldest = 14;
/** A process has up to four connections. */
const fewConnections = 8;

/** A results database on PostgreSQL, and its clock. Nothing is made or migrated. */
export async function lookAtPostgres(
  url: string,
  options: AskOptions,
): Promise<ReadonlyMap<string, Observation>> {
  return await askPostgres(url, options, async (client, location) => {
    const askedAtMs = Date.now();
    const { rows } = await client.query<PostgresState>(question);
    const answeredAtMs = Date.now();
    const state = rows[0]!;
    const found = state.has_ledger ? await client.query(versionQuestion).catch(() => null) : null;
    const version = state.has_ledger ? Number(found?.rows[0]?.version ?? Number.NaN) : 0;
    const server = "PostgreSQL";
    return new Map([
      ["results", describe({ state, version, location })],
      ["clock", compareClocks({ server, serverMs: state.now_ms, askedAtMs, answeredAtMs })],
    ]);
  });
}

const versionQuestion = "select version from ledger_version";

interface DescribeOptions {
  readonly state: PostgresState;
  readonly version: number;
  readonly location: string;
}

function describe({ state, version, location }: DescribeOptions): Observation {
  const name = `PostgreSQL ${state.version}`;
  const free = Number(state.most_connections) - state.connections;
  const figures = {
    location,
    version: state.version,
    isStandby: state.standby,
    schema: state.schema ?? undefined,
    mayCreate: state.may_create ?? false,
    schemaVersion: version,
    newest: schemaVersion,
    freeConnections: free,
  };
  if (state.standby || state.refuses === "on") {
    const why = state.standby ? "is a standby" : "refuses writes (default_transaction_read_only)";
    return red(`${name} ${why}, so nothing can be recorded.`, "Connect to the primary.", figures);
  }
  if (state.schema === null || state.may_use !== true) {
    return red(
      `${name}: this user may use no schema of the search path.`,
      "Grant `usage` and `create` on the schema to this user.",
      figures,
    );
  }
  if (version > schemaVersion) {
    return red(
      `${name} has results of schema ${version}, and this Orangery knows ${schemaVersion} at most.`,
      "Update Orangery on this machine, or name another database.",
      figures,
    );
  }
  const isToBeMade = version < schemaVersion;
  if (isToBeMade && state.may_create !== true) {
    const what = version === 0 ? "make the tables" : `bring schema ${version} to ${schemaVersion}`;
    return red(
      `${name}: this user may not ${what}.`,
      `Run \`grant create on schema ${state.schema} to …\` as its owner.`,
      figures,
    );
  }
  if (state.has_ledger && (Number.isNaN(version) || state.closed.length > 0)) {
    const [first, ...more] = state.closed;
    const others = more.length === 0 ? "" : ` and ${formatPlural(more.length, "other table")}`;
    return red(
      `${name}: this user may not write ${first ?? "the tables"}${others}.`,
      "Grant `select`, `insert`, `update` and `delete` on all tables of the schema to this user.",
      figures,
    );
  }
  if (Math.floor(Number(state.number) / 10_000) < oldest) {
    return yellow(`${name} is no longer maintained by its makers.`, "Update it.", figures);
  }
  if (free < fewConnections) {
    return yellow(
      `${name} has ${free} connections left of ${state.most_connections}.`,
      "Raise its max_connections: each process takes up to 4.",
      figures,
    );
  }
  const later = isToBeMade ? `, brought up to ${schemaVersion} when it is opened` : "";
  const what = version === 0 ? "empty, its tables can be made" : `schema ${version}${later}`;
  return green(`${name} (${location}), ${what}.`, figures);
}
