import { Dashboard } from "../../../dashboard/dashboard.ts";
import { viewMachine } from "../../../dashboard/views/machine-view.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import type { PhotoJob } from "../../../pipeline/run/photo-job.ts";
import { dashboardPasswords } from "./dashboard-options.ts";

export interface RunDashboardOptions {
  readonly port: number;
  readonly allowPrivateAddresses?: boolean | undefined;
}

/** Serves the control room of a job's results, with what only this process knows of its models. */
export async function serveRunDashboard(
  job: PhotoJob,
  { port, allowPrivateAddresses }: RunDashboardOptions,
): Promise<Pick<Dashboard, "url"> & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const ledger = stack.use(await openLedger(job.resultsFile, { readOnly: true }));
  const room = stack.use(
    await Dashboard.listen({
      port,
      allowPrivateAddresses,
      ...dashboardPasswords(),
      ledger,
      machine: () => viewMachine(job.cache.info()),
    }),
  );
  const served = stack.move();
  return { url: room.url, [Symbol.asyncDispose]: () => served.disposeAsync() };
}
