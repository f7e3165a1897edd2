/** The thread in which a worker's locks in PostgreSQL are renewed, as those in Redis are. */
import { workerData } from "node:worker_threads";
import pg from "pg";
import { tryAgain } from "../../base/try-again.ts";
import type { PostgresRenewal } from "./postgres-renewal.ts";
import { renewLocks, reportLockProblem } from "./renew-locks.ts";

const { url, queue }: PostgresRenewal = workerData.renewal;
const { lockDurationMs } = workerData;
const pool = new pg.Pool({
  connectionString: url,
  application_name: "orangery locks",
  connectionTimeoutMillis: 5_000,
  // One connection, for as long as there is something to renew.
  max: 1,
  idleTimeoutMillis: 2 * lockDurationMs,
  keepAlive: true,
  keepAliveInitialDelayMillis: 10_000,
});
pool.on("error", reportLockProblem);

/** By the server's clock, as locks are judged. */
const script = `
  with held as (select * from unnest($2::text[], $3::text[]) as held(id, token)),
  renewed as (
    update bullmq.job
    set locked_until_ms = (extract(epoch from clock_timestamp()) * 1000)::bigint + $4
    from held
    where job.queue = $1 and job.id = held.id and job.state = 'active'
      and job.lock_token = held.token
    returning job.id
  )
  select id from held where id not in (select id from renewed)`;

renewLocks({
  ready: tryAgain({ isPassing: () => true, pauseMs: [100, 2_000] }, () =>
    pool.query("select 1").catch((error: unknown) => {
      reportLockProblem(error);
      throw error;
    }),
  ),
  async renew(locks) {
    const { rows } = await pool.query<{ id: string }>(script, [
      queue,
      locks.map(({ jobId }) => jobId),
      locks.map(({ token }) => token),
      lockDurationMs,
    ]);
    return rows.map(({ id }) => id);
  },
});
