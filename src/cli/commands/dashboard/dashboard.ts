import { once } from "node:events";
import { Dashboard } from "../../../dashboard/dashboard.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { warningLog } from "../../output/warning-log.ts";
import { openInBrowser } from "../results/open-in-browser.ts";
import { dashboardPasswords } from "./dashboard-options.ts";

export interface DashboardArguments {
  readonly port: number;
  readonly host: string;
  readonly hostName?: string;
  readonly allowPrivateAddresses?: boolean;
  readonly open?: boolean;
}

/** Runs `orangery dashboard` until it is interrupted; resolves to the exit status. */
export async function dashboard(
  output: StandardOutput,
  results: string,
  { open, hostName, ...options }: DashboardArguments,
): Promise<number> {
  return await interruptible(async ({ stop }) => {
    await using ledger = await openLedger(resultsFromCaller(results), { readOnly: true });
    await using room = await Dashboard.listen({
      ...options,
      ...dashboardPasswords(),
      hostNames: hostName === undefined ? [] : [hostName],
      ledger,
      logger: warningLog((line) => process.stderr.write(`${line}\n`)),
    });
    await output.write(`Control room  ${room.url}\nPress Ctrl-C to end.\n`);
    if (open) openInBrowser(room.url);
    if (!stop.aborted) await once(stop, "abort");
    return exitStatus.ok;
  });
}
