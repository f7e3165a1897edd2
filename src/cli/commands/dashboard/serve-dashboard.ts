import { Dashboard, type DashboardOptions } from "../../../dashboard/dashboard.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { dashboardPasswords } from "./dashboard-options.ts";

export interface ServeDashboardOptions
  extends Pick<DashboardOptions, "port" | "allowPrivateAddresses" | "machine" | "logger"> {
  /** The results file, made if it is missing, or a URL. */
  readonly results: string;
}

/** Serves the control room of results while they are made, for this machine only. */
export async function serveDashboard({
  results,
  ...options
}: ServeDashboardOptions): Promise<Pick<Dashboard, "url"> & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const changes = stack.use(await openLedger(results));
  const ledger = stack.use(await openLedger(results, { readOnly: true }));
  const { url } = stack.use(
    await Dashboard.listen({ ...options, ...dashboardPasswords(), ledger, changes }),
  );
  const served = stack.move();
  return { url, [Symbol.asyncDispose]: () => served.disposeAsync() };
}
