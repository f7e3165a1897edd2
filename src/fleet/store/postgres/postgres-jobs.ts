import type { Queue } from "bullmq";
import type { PostgresPool } from "../../queue/postgres/postgres-pool.ts";
import { type JobFilter, type JobState, jobStates } from "../job-filter.ts";
import {
  type ChangePagesOptions,
  type JobPage,
  type JobRow,
  type JobStore,
  mostDataBytes,
  type ReadPagesOptions,
  type RetriedState,
} from "../job-store.ts";
import { removeJobs } from "../remove-jobs.ts";
import { filterSql, orders } from "./filter-sql.ts";

const rowColumns = `id, name, left(data::text, ${mostDataBytes}) as data,
  added_at_ms::text as timestamp, attempts_made::text as attempts,
  failed_reason, finished_at_ms::text as finished, processed_by`;

/** Jobs that BullMQ itself must remove: with a parent, children or a deduplication key. */
const isRelated = `(parent_id is not null or dedup_id is not null or scheduler_id is not null
  or exists (
    select 1 from job_dependency d
    where d.parent_queue = job.queue and d.parent_id = job.id))`;

type Columns = Readonly<Record<string, string | null>>;

/** Jobs in PostgreSQL. */
export class PostgresJobs implements JobStore {
  readonly #pool: PostgresPool;
  readonly #queue: Queue;

  constructor(pool: PostgresPool, queue: Queue) {
    this.#pool = pool;
    this.#queue = queue;
  }

  async sizeOf(state: JobState): Promise<number> {
    return await this.#count(state, {});
  }

  async *readPages(
    state: JobState,
    { filter, isCount = false, isOldestFirst, ...options }: ReadPagesOptions,
  ): AsyncGenerator<JobPage> {
    if (isCount) {
      yield { matching: await this.#count(state, filter), rows: [] };
      return;
    }
    const { pageSize = 500, largestPage = 2_000, signal } = options;
    const { where, parameters } = filterSql(this.#queue.name, filter);
    const { columns, isDescending } = orders[state];
    const [comparison, order] =
      isDescending && !isOldestFirst ? (["<", "desc"] as const) : ([">", "asc"] as const);
    const next = parameters.length;
    let left = await this.#count(state, filter);
    let after: readonly [number, number] | undefined;
    for (let size = pageSize; left > 0; size = Math.min(2 * size, largestPage)) {
      signal?.throwIfAborted();
      const behind =
        after && `and (${columns.join(", ")}) ${comparison} ($${next + 1}, $${next + 2})`;
      const { rows } = await this.#pool.query<Columns & { first: number; second: number }>(
        `select ${rowColumns}, ${columns[0]} as first, ${columns[1]} as second from job
         where ${where} and state = '${state}' ${behind ?? ""}
         order by ${columns.map((column) => `${column} ${order}`).join(", ")}
         limit ${Math.min(left, size)}`,
        [...parameters, ...(after ?? [])],
      );
      const last = rows.at(-1);
      if (last === undefined) return;
      yield { matching: rows.length, rows: rows.map(toRow) };
      left -= rows.length;
      after = [last.first, last.second];
    }
  }

  async *changePages(
    state: JobState,
    { change, ...options }: ChangePagesOptions,
  ): AsyncGenerator<number> {
    if (change === "drop") yield* this.#drop(state, options);
    else yield* this.#moveFirst(options);
  }

  /** By BullMQ's own functions, for all in one request. */
  async putBack(ids: readonly string[], state: RetriedState): Promise<number> {
    const putBack =
      state === "delayed"
        ? "promote($1, id)"
        : "reprocess_job($1, id, 'failed', false, true, false)";
    const { rows } = await this.#pool.query<{ code: number }>(
      `select ${putBack} as code from unnest($2::text[]) as named (id)`,
      [this.#queue.name, ids],
    );
    // The codes of jobs that another program has changed in the meantime are negative.
    return rows.filter(({ code }) => code >= 0).length;
  }

  async lookUp(
    ids: readonly string[],
    filter: JobFilter,
  ): Promise<readonly (readonly [JobState, JobRow])[]> {
    const { where, parameters } = filterSql(this.#queue.name, filter);
    const { rows } = await this.#pool.query<Columns & { id: string; state: JobState }>(
      `select state, ${rowColumns} from job where ${where} and id = any($${parameters.length + 1})`,
      [...parameters, ids],
    );
    return rows
      .filter(({ state }) => jobStates.includes(state))
      .sort((a, b) => ids.indexOf(a.id) - ids.indexOf(b.id))
      .map((row) => [row.state, toRow(row)] as const);
  }

  async *countFailures(filter: JobFilter): AsyncGenerator<readonly [string, number]> {
    const { where, parameters } = filterSql(this.#queue.name, filter);
    const { rows } = await this.#pool.query<{ code: string; count: number }>(
      `select code, count(*) as count from (
         select coalesce(substring(failed_reason from '^([A-Z][A-Z0-9_]+): '), '') as code
         from job where ${where} and state = 'failed'
       ) as failed group by code`,
      parameters,
    );
    for (const { code, count } of rows) yield [code, count];
  }

  async endings(ids: readonly string[]): Promise<ReadonlyMap<string, "ended" | "left">> {
    const { rows } = await this.#pool.query<{ id: string; ended: boolean }>(
      `select id, finished_at_ms is not null as ended from job where queue = $1 and id = any($2)`,
      [this.#queue.name, ids],
    );
    return new Map(rows.map(({ id, ended }) => [id, ended ? "ended" : "left"]));
  }

  async #count(state: JobState, filter: JobFilter): Promise<number> {
    const { where, parameters } = filterSql(this.#queue.name, filter);
    const { rows } = await this.#pool.query<{ count: number }>(
      `select count(*) as count from job where ${where} and state = '${state}'`,
      parameters,
    );
    return rows[0]?.count ?? 0;
  }

  /** As many as there are at the start; not those that workers are taking. */
  async *#drop(
    state: JobState,
    { filter, pageSize, signal }: Omit<ChangePagesOptions, "change">,
  ): AsyncGenerator<number> {
    const { where, parameters } = filterSql(this.#queue.name, filter);
    const matching = `${where} and state = '${state}'`;
    for (let left = await this.#count(state, filter); left > 0; ) {
      signal?.throwIfAborted();
      const { rowCount } = await this.#pool.query(
        `delete from job where queue = $1 and id in (
           select id from job where ${matching} and not ${isRelated}
           limit ${Math.min(left, pageSize)} for update skip locked)`,
        parameters,
      );
      if (!rowCount) break;
      left -= rowCount;
      yield rowCount;
    }
    const { rows } = await this.#pool.query<{ id: string }>(
      `select id from job where ${matching} and ${isRelated}`,
      parameters,
    );
    const removed = await removeJobs(
      this.#queue,
      rows.map(({ id }) => id),
    );
    if (removed > 0) yield removed;
  }

  /**
   * The lowest `seq` is taken first. Pages begin with the jobs that are taken last, since each
   * moved page goes before the earlier ones.
   */
  async *#moveFirst({
    filter,
    pageSize,
    signal,
  }: Omit<ChangePagesOptions, "change">): AsyncGenerator<number> {
    const { where, parameters } = filterSql(this.#queue.name, filter);
    const next = parameters.length;
    const start = await this.#pool.query<{ seq: number }>(
      "select coalesce(min(seq), 0) as seq from job where queue = $1 and state = 'waiting'",
      [this.#queue.name],
    );
    const first = start.rows[0]!.seq;
    const newest = await this.#pool.query<{ seq: number }>("select nextval('job_seq') as seq");
    let before = newest.rows[0]!.seq;
    for (;;) {
      signal?.throwIfAborted();
      const { rows } = await this.#pool.query<{ moved: number; lowest: number | null }>(
        `with page as (
           select id, seq from job
           where ${where} and state = 'waiting' and priority = 0
             and seq >= $${next + 1} and seq < $${next + 2}
           order by seq desc limit ${pageSize} for update skip locked
         ), numbered as (
           select id, nextval('job_seq') as number from (select * from page order by seq desc) as p
         ), moved as (
           update job set seq = -number from numbered
           where job.queue = $1 and job.id = numbered.id and job.state = 'waiting'
           returning job.id
         )
         select (select count(*) from moved) as moved, (select min(seq) from page) as lowest`,
        [...parameters, first, before],
      );
      const { moved, lowest } = rows[0]!;
      if (lowest === null) return;
      before = lowest;
      if (moved > 0) yield moved;
    }
  }
}

function toRow(row: Columns): JobRow {
  const { id, name, data, timestamp, attempts, failed_reason, finished, processed_by } = row;
  return [
    id!,
    name!,
    data!,
    timestamp!,
    attempts!,
    failed_reason ?? null,
    finished ?? null,
    processed_by ?? null,
  ];
}
