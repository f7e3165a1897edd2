import { access, stat } from "node:fs/promises";
import { urlScheme } from "../../base/url.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { openLedger } from "../../ledger/open-ledger.ts";
import type { Logger } from "../../logger.ts";
import type { QueueCatalogue } from "../recipes/queue-catalogue.ts";
import type { QueueResults } from "../store/queue-store.ts";

export interface QueueLedgerOptions {
  readonly queue: string;
  /** Where results go. Default: where the queue says. */
  readonly location: string | undefined;
  readonly logger: Logger;
  /** Ends the wait for the database. */
  readonly signal: AbortSignal;
}

/** The results that are open. */
interface OpenResults extends QueueResults {
  /** Undefined if the results are not a file. */
  readonly inode: number | undefined;
}

/** The results database of a queue, in a process that counts: opened for the first recipe. */
export class QueueLedger implements AsyncDisposable {
  readonly #options: QueueLedgerOptions;
  readonly #stack = new AsyncDisposableStack();
  #ledger: Promise<Ledger> | undefined;
  #results: OpenResults | undefined;
  #trouble: OrangeryError | undefined;

  constructor(options: QueueLedgerOptions) {
    this.#options = options;
  }

  /** Why the database cannot be used at the moment. */
  get trouble(): OrangeryError | undefined {
    return this.#trouble;
  }

  /**
   * Opens the database, or returns the open one. Waits for a server, however long.
   *
   * @throws `LEDGER_NOT_FOUND`, `QUEUE_OTHER_RESULTS`, what opening a ledger throws, or the
   *   signal's reason
   */
  open(catalogue: QueueCatalogue): Promise<Ledger> {
    this.#ledger ??= this.#connect(catalogue);
    // A failure is not remembered: the next recipe tries again.
    this.#ledger.catch(() => {
      this.#ledger = undefined;
    });
    return this.#ledger;
  }

  /** Whether the open database was removed or replaced, or is not the queue's. */
  async isLost(catalogue: QueueCatalogue): Promise<boolean> {
    const results = this.#results;
    if (results === undefined) return false;
    const claimed = await catalogue.results();
    // A queue that was emptied by hand has lost the recipe.
    if (claimed === undefined) await catalogue.claimResults(results, async () => false);
    const isTheQueues = (claimed ?? results).identity === results.identity;
    if (isTheQueues && (await inodeOf(results.location)) === results.inode) return false;
    this.#options.logger.error(
      { results: results.location },
      "the results were removed or replaced; jobs go back to the queue",
    );
    return true;
  }

  /** Opens the database anew for the next recipe. */
  leave(): void {
    this.#ledger = undefined;
    this.#results = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }

  async #connect(catalogue: QueueCatalogue): Promise<Ledger> {
    const { queue, logger, signal } = this.#options;
    const claimed = await catalogue.results();
    const location = this.#options.location ?? claimed?.location;
    if (location === undefined) throw noResults(queue);
    const patience = {
      busyTimeoutMs: Number.POSITIVE_INFINITY,
      signal,
      logger,
      onTrouble: (error: unknown) => {
        this.#trouble = isOrangeryError(error) ? error : undefined;
      },
    };
    // A file that the queue names may be on another machine, and a database may have been dropped:
    // do not create it, or another one.
    if (claimed !== undefined && urlScheme(location) !== undefined) {
      await (await openLedger(location, { ...patience, readOnly: true }))[Symbol.asyncDispose]();
    } else if (claimed !== undefined) {
      await access(location).catch(async (cause) => {
        if (location !== claimed.location) await catalogue.requireResults(location, undefined);
        throw resultsElsewhere(location, cause);
      });
    }
    const ledger = this.#stack.use(await openLedger(location, patience));
    const identity = await ledger.identity({ signal });
    await catalogue.requireResults(ledger.location, identity);
    const inode = await inodeOf(ledger.location);
    this.#results = { location: ledger.location, identity, inode };
    logger.info({ results: ledger.location }, "results are recorded");
    return ledger;
  }
}

/** Undefined if there is no file, as for a database server. */
async function inodeOf(location: string): Promise<number | undefined> {
  if (urlScheme(location) !== undefined) return undefined;
  return (await stat(location).catch(() => undefined))?.ino;
}

function noResults(queue: string): OrangeryError {
  return new OrangeryError(
    "LEDGER_NOT_FOUND",
    `Expected the queue ${queue} to say where results go, but nothing does. ` +
      "Add photos with `orangery enqueue`, or name the database with --results.",
    { details: { queue } },
  );
}

function resultsElsewhere(location: string, cause: unknown): OrangeryError {
  return new OrangeryError(
    "LEDGER_NOT_FOUND",
    `Expected the queue's results file ${location}, but this machine has none. Workers on ` +
      "several machines record in PostgreSQL; a file that is called otherwise here is named with " +
      "--results.",
    { cause, details: { location } },
  );
}
