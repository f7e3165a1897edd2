import { once } from "node:events";
import { Dashboard } from "../../../dashboard/dashboard.ts";
import { isOrangeryError } from "../../../errors.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
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
  readonly readOnly?: boolean;
  readonly open?: boolean;
}

/** Runs `orangery dashboard` until it is interrupted; resolves to the exit status. */
export async function dashboard(
  output: StandardOutput,
  results: string,
  { open, hostName, readOnly, ...options }: DashboardArguments,
): Promise<number> {
  return await interruptible(async ({ stop }) => {
    const location = resultsFromCaller(results);
    // Opened to be read first: results that are not there are not made.
    await using ledger = await openLedger(location, { readOnly: true });
    const note = (line: string) => process.stderr.write(`${line}\n`);
    await using changes = readOnly ? undefined : await openToChange(location, note);
    await using room = await Dashboard.listen({
      ...options,
      ...dashboardPasswords(),
      hostNames: hostName === undefined ? [] : [hostName],
      ledger,
      changes,
      logger: warningLog(note),
    });
    await output.write(`Control room  ${room.url}\nPress Ctrl-C to end.\n`);
    if (open) openInBrowser(room.url);
    if (!stop.aborted) await once(stop, "abort");
    return exitStatus.ok;
  });
}

/** Results that may be read only, as by their file's rights, are shown all the same. */
async function openToChange(
  location: string,
  note: (line: string) => void,
): Promise<Ledger | undefined> {
  try {
    return await openLedger(location);
  } catch (error) {
    if (!isOrangeryError(error)) throw error;
    note(`Nobody can change anything: ${error.message} [${error.code}]`);
    return undefined;
  }
}
