import { printable } from "../../../base/printable.ts";
import { urlScheme } from "../../../base/url.ts";
import { isOrangeryError } from "../../../errors.ts";
import type { OpenQueue } from "../../../fleet/queue/open-queue.ts";
import { QueueCatalogue } from "../../../fleet/recipes/queue-catalogue.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { resultsFromCaller } from "../../options/results-options.ts";

interface QueueRecordOptions {
  /** Undefined for those that the queue names. */
  readonly results: string | undefined;
  /** Default: standard error gets the line. */
  readonly note?: (line: string) => void;
}

/** Results that the user did not name are not waited for as long. */
const busyTimeoutMs = 5_000;

/**
 * Opens the results in which a change of a queue is recorded: those that are named, or those that
 * the queue names. A queue of tasks names none. Where those of the queue cannot be opened, `note`
 * gets a line that says so, and nothing is recorded.
 *
 * @throws `QUEUE_…`; `LEDGER_…` and `QUEUE_OTHER_RESULTS` for results that are named
 */
export async function openQueueRecord(
  queue: OpenQueue,
  { results, note = writeNote }: QueueRecordOptions,
): Promise<Ledger | undefined> {
  const catalogue = new QueueCatalogue(queue.bullmq);
  if (results !== undefined) return await openOf(catalogue, resultsFromCaller(results));
  const location = (await queue.within(catalogue.results()))?.location;
  if (location === undefined) return undefined;
  try {
    return await openOf(catalogue, location, { busyTimeoutMs });
  } catch (error) {
    if (!isOrangeryError(error)) throw error;
    const hint = urlScheme(location) === undefined ? "" : ", such as with their password";
    note(
      `This change is not recorded: the results ${printable(location)} cannot be used from here ` +
        `[${error.code}]. Name them with --results${hint}.`,
    );
    return undefined;
  }
}

function writeNote(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function openOf(
  catalogue: QueueCatalogue,
  location: string,
  options: { readonly busyTimeoutMs?: number } = {},
): Promise<Ledger> {
  {
    // Opened to be read first: results that are not there are not made.
    await using reader = await openLedger(location, { ...options, readOnly: true });
    await catalogue.requireResults(location, await reader.identity());
  }
  return await openLedger(location, options);
}
