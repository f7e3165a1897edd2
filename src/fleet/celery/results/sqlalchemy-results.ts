import type { Pool } from "pg";
import { untilAborted } from "../../../base/abort.ts";
import { createPool } from "../../../ledger/databases/postgres-dialect.ts";
import { toPostgresQueueError } from "../../queue/postgres/postgres-errors.ts";
import { unreachable } from "../../queue/queue-errors.ts";
import type { QueuePatience } from "../../queue/queue-patience.ts";
import type { CeleryResults, FailedTask, TaskState } from "../app/celery-results.ts";
import type { CeleryMessage } from "../protocol/celery-message.ts";
import { readPickledJson, writePickle } from "./python-pickle.ts";
import { extendMeta, toMeta } from "./task-meta.ts";

export interface SqlalchemyResultsOptions {
  /** `db+postgresql://…`, as Celery takes it. */
  readonly url: string;
  readonly isExtended: boolean;
  readonly worker: string;
  readonly patience: QueuePatience;
  readonly onTrouble: (error: unknown) => void;
  /** Rejects when PostgreSQL refuses for good. */
  readonly refusal: Promise<never>;
}

/** As SQLAlchemy creates them for Celery 5.6, serialised between workers that start at once. */
const tables = `
begin;
select pg_advisory_xact_lock(7302441899157401);
create sequence if not exists task_id_sequence;
create sequence if not exists taskset_id_sequence;
create table if not exists celery_taskmeta (
  id integer not null primary key,
  task_id varchar(155) unique,
  status varchar(50),
  result bytea,
  date_done timestamp without time zone,
  traceback text,
  name varchar(155),
  args bytea,
  kwargs bytea,
  worker varchar(155),
  retries integer,
  queue varchar(155)
);
create table if not exists celery_tasksetmeta (
  id integer not null primary key,
  taskset_id varchar(155) unique,
  result bytea,
  date_done timestamp without time zone
);
create index if not exists ix_celery_taskmeta_date_done on celery_taskmeta (date_done);
create index if not exists ix_celery_tasksetmeta_date_done on celery_tasksetmeta (date_done);
commit;
`;

const columns = ["task_id", "status", "result", "date_done", "traceback"];
const extendedColumns = ["name", "args", "kwargs", "worker", "retries", "queue"];

/** Results as Celery's database backend writes them, in PostgreSQL: values are pickles. */
export class SqlalchemyResults implements CeleryResults {
  /** Celery's own backend has a Python task poll whether a chord is complete. */
  readonly chords = undefined;
  readonly #options: SqlalchemyResultsOptions;
  readonly #pool: Promise<Pool>;
  readonly #statement: string;

  constructor(options: SqlalchemyResultsOptions) {
    this.#options = options;
    this.#statement = upsert(options.isExtended ? [...columns, ...extendedColumns] : columns);
    const url = options.url.replace(/^db\+/, "").replace(/^postgres(ql)?(\+\w+)?:/, "postgresql:");
    this.#pool = createPool(url, { max: 2 });
    this.#pool.catch(() => {});
  }

  async open(signal: AbortSignal): Promise<void> {
    const { onTrouble, refusal } = this.#options;
    const opened = this.#ask(async (pool) => {
      const { rows } = await pool.query("select to_regclass('celery_taskmeta') as found");
      if (rows[0].found === null) await pool.query(tables);
    });
    opened.catch(onTrouble);
    await untilAborted(Promise.race([opened, refusal]), signal);
  }

  async store(message: CeleryMessage, state: TaskState): Promise<void> {
    const { isExtended, worker } = this.#options;
    await this.#write(message.id, state, isExtended ? extendMeta(message, worker) : undefined);
  }

  async storeFailed({ id, status, exception: result }: FailedTask): Promise<void> {
    await this.#write(id, { status, result }, undefined);
  }

  async readSuccess(id: string): Promise<{ readonly result: unknown } | undefined> {
    const query = "select result from celery_taskmeta where task_id = $1 and status = 'SUCCESS'";
    const { rows } = await this.#ask((pool) => pool.query(query, [id]));
    if (rows.length === 0) return undefined;
    try {
      const [{ result }] = rows;
      return { result: result === null ? null : readPickledJson(result) };
    } catch {
      // A Python worker has written it in another pickle protocol.
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#pool.catch(() => undefined))?.end();
  }

  async #write(
    id: string,
    state: TaskState,
    extended: ReturnType<typeof extendMeta> | undefined,
  ): Promise<void> {
    const { status, result, traceback, date_done } = toMeta(state);
    const values = [id, status, result === null ? null : writePickle(result), date_done, traceback];
    if (this.#options.isExtended) {
      const { name, args, kwargs, worker, retries, queue } = extended ?? {};
      values.push(name as never, toBytes(args), toBytes(kwargs));
      values.push(worker as never, retries as never, queue as never);
    }
    await this.#ask((pool) => pool.query(this.#statement, values));
  }

  async #ask<T>(request: (pool: Pool) => Promise<T>): Promise<T> {
    const ask = async () => {
      try {
        return await request(await this.#pool);
      } catch (error) {
        throw toFailure(error);
      }
    };
    return await this.#options.patience.repeat(ask, { always: true });
  }
}

/** A task that has succeeded keeps its result. */
function upsert(names: readonly string[]): string {
  const values = names.map((name, i) =>
    name === "date_done" ? `$${i + 1}::timestamptz` : `$${i + 1}`,
  );
  const stored = values.map((value) =>
    value.includes("::") ? `${value} at time zone 'utc'` : value,
  );
  const updates = names.slice(1).map((name) => `${name} = excluded.${name}`);
  return (
    `insert into celery_taskmeta as stored (id, ${names.join(", ")}) ` +
    `values (nextval('task_id_sequence'), ${stored.join(", ")}) ` +
    `on conflict (task_id) do update set ${updates.join(", ")} ` +
    "where stored.status is distinct from 'SUCCESS'"
  );
}

function toBytes(value: unknown): Buffer | null {
  return value === undefined ? null : Buffer.from(JSON.stringify(value));
}

function toFailure(error: unknown): unknown {
  const failure = toPostgresQueueError(error);
  if (failure?.code !== "QUEUE_UNREACHABLE") return failure ?? error;
  const options = "--result-backend or `resultBackend`";
  return unreachable(error, { server: "PostgreSQL for results", options });
}
