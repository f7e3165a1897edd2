import type { PoolClient } from "pg";
import { settlesWithin } from "../../../base/abort.ts";
import { OrangeryError } from "../../../errors.ts";

/** With one server connection for two clients, a pooler answers the second only after the first. */
const patienceMs = 2_000;

/**
 * Refuses a pooler such as pgbouncer in transaction mode: it loses notifications and connection
 * settings, so workers would not wake.
 *
 * @param openAnother opens another connection
 * @throws `QUEUE_REFUSED`
 */
export async function refusePooler(
  client: PoolClient,
  openAnother: () => Promise<PoolClient>,
): Promise<void> {
  const { processID } = client as PoolClient & { readonly processID?: number };
  // A pooler invents its own backend id for the client.
  if ((await serverProcessOf(client)) === processID) return;
  const another = await openAnother();
  try {
    // While another client uses a server connection, this one gets a second one; then the first,
    // which is free again.
    await another.query("begin");
    await serverProcessOf(another);
    const asked = serverProcessOf(client);
    const isAnswered = await settlesWithin(asked, patienceMs);
    await another.query("commit");
    if (!isAnswered || (await asked) !== (await serverProcessOf(client))) throw pooler();
  } finally {
    another.release(true);
  }
}

async function serverProcessOf(client: PoolClient): Promise<number> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]!.pid;
}

function pooler(): OrangeryError {
  return new OrangeryError(
    "QUEUE_REFUSED",
    "Expected connections of the queue's PostgreSQL itself, got those of a pooler in transaction " +
      "mode, such as pgbouncer, which loses the notifications that wake workers. Give the " +
      "server's own address with --queue-url, or a pooler in session mode.",
  );
}
