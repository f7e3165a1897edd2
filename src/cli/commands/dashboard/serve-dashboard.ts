import { Dashboard, type DashboardOptions } from "../../../dashboard/dashboard.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { silentLogger } from "../../../logger.ts";
import { dashboardPasswords } from "./dashboard-options.ts";
import { openQueueSource, type QueueSourceOptions } from "./open-queue-source.ts";

export interface ServeDashboardOptions
  extends Pick<DashboardOptions, "port" | "allowPrivateAddresses" | "machine" | "logger"> {
  /** The results file, made if it is missing, or a URL. */
  readonly results: string;
  /** A queue that is shown beside them. */
  readonly queue?: Pick<QueueSourceOptions, "queue" | "connection"> | undefined;
}

/** Serves the control room of results while they are made, for this machine only. */
export async function serveDashboard({
  results,
  queue: place,
  ...options
}: ServeDashboardOptions): Promise<Pick<Dashboard, "url"> & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const changes = stack.use(await openLedger(results));
  const ledger = stack.use(await openLedger(results, { readOnly: true }));
  const { logger = silentLogger } = options;
  const queue = place && stack.use(await openQueueSource({ ...place, readOnly: false, logger }));
  const { url } = stack.use(
    await Dashboard.listen({ ...options, ...dashboardPasswords(), ledger, changes, queue }),
  );
  const served = stack.move();
  return { url, [Symbol.asyncDispose]: () => served.disposeAsync() };
}
