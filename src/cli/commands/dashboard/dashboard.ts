import { once } from "node:events";
import { urlScheme } from "../../../base/url.ts";
import { Dashboard } from "../../../dashboard/dashboard.ts";
import { isOrangeryError } from "../../../errors.ts";
import type { FleetQueues } from "../../../fleet/recipes/fleet-queues.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { defaultResults, resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { warningLog } from "../../output/warning-log.ts";
import { openInBrowser } from "../results/open-in-browser.ts";
import { dashboardPasswords } from "./dashboard-options.ts";
import { openQueueSource } from "./open-queue-source.ts";

export interface DashboardArguments {
  readonly port: number;
  readonly host: string;
  readonly hostName?: string;
  readonly allowPrivateAddresses?: boolean;
  readonly readOnly?: boolean;
  readonly open?: boolean;
  readonly queue?: string;
  readonly queueUrl: string;
}

/** A page that gets no answer for longer says so; it asks again by itself. */
const busyTimeoutMs = 5_000;

type Note = (line: string) => void;

/** Runs `orangery dashboard` until it is interrupted; resolves to the exit status. */
export async function dashboard(
  output: StandardOutput,
  results: string | undefined,
  { open, hostName, readOnly = false, queue, queueUrl, ...options }: DashboardArguments,
): Promise<number> {
  return await interruptible(async ({ stop }) => {
    await using stack = new AsyncDisposableStack();
    const note: Note = (line) => process.stderr.write(`${line}\n`);
    const logger = warningLog(note);
    const source =
      queue === undefined
        ? undefined
        : stack.use(await openQueueSource({ queue, connection: queueUrl, readOnly, logger }));
    const location =
      source && results === undefined ? await resultsOf(source.fleet, note) : results;
    const opened =
      source && location === undefined
        ? undefined
        : stack.use(await openResults(location ?? defaultResults, { readOnly, note }));
    await using room = await Dashboard.listen({
      ...options,
      ...dashboardPasswords(),
      hostNames: hostName === undefined ? [] : [hostName],
      ...opened,
      queue: source,
      logger,
    });
    await output.write(`Control room: ${room.url}\nPress Ctrl-C to end.\n`);
    if (open) openInBrowser(room.url);
    if (!stop.aborted) await once(stop, "abort");
    return exitStatus.ok;
  });
}

/** Opens results to be read and, if possible, to be changed. */
async function openResults(
  results: string,
  { readOnly, note }: { readonly readOnly: boolean; readonly note: Note },
) {
  const location = resultsFromCaller(results);
  await using stack = new AsyncDisposableStack();
  // Opened to be read first: results that are not there are not made.
  const ledger = stack.use(await openLedger(location, { readOnly: true, busyTimeoutMs }));
  // Results that may be read only, as by their file's rights, are shown all the same.
  const changes = readOnly
    ? undefined
    : await openLedger(location).catch((error: unknown) => {
        if (!isOrangeryError(error)) throw error;
        note(`Nobody can change anything: ${error.message} [${error.code}]`);
      });
  stack.use(changes || null);
  const owned = stack.move();
  return {
    ledger,
    changes: changes || undefined,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Returns where the queue's results are, if they can be read from here without more. */
async function resultsOf(
  { base, catalogue }: FleetQueues,
  note: Note,
): Promise<string | undefined> {
  const location = (await base.within(catalogue.results()))?.location;
  if (location === undefined) return undefined;
  try {
    await (await openLedger(location, { readOnly: true }))[Symbol.asyncDispose]();
    return location;
  } catch (error) {
    if (!isOrangeryError(error)) throw error;
    const hint = urlScheme(location) === undefined ? "" : " Name them with their password.";
    note(`The results ${location} are not shown: ${error.message} [${error.code}]${hint}`);
    return undefined;
  }
}
