import {
  abortSignal,
  aFunction,
  checkOptions,
  loggerShape,
  numberFrom,
  optionsOf,
  refuseUnknown,
  requireOptions,
  text,
  trueOrFalse,
  wholeNumberFrom,
} from "../base/check-options.ts";
import { urlScheme } from "../base/url.ts";
import { OrangeryError } from "../errors.ts";
import { type PostgresDatabaseOptions, PostgresLedger } from "./databases/postgres-ledger.ts";
import { SqliteLedger } from "./databases/sqlite-ledger.ts";
import type { Ledger } from "./ledger.ts";

/** How a results database is opened. */
export interface OpenLedgerOptions extends PostgresDatabaseOptions {
  /**
   * How long to repeat an access while another process holds the write lock of the file, or while
   * the server cannot be reached. A process that updates the file to a newer version is waited for
   * in any case. At least 0, default 30,000.
   */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * Opens an existing database and records nothing. An older schema is updated all the same, which
   * needs the right to write. Default false.
   */
  readonly readOnly?: boolean | undefined;
}

/**
 * Opens a results database: a file by its path, or a PostgreSQL database by its URL
 * (`postgres://…`). Any number of processes may have it open, also during a run.
 *
 * @throws `LEDGER_*`, `NO_SPACE`, `PACKAGE_MISSING`, `INVALID_ARGUMENT`
 */
export async function openLedger(
  location: string,
  options: OpenLedgerOptions = {},
): Promise<Ledger> {
  requireOptions({ location }, text("the path of a results file or a URL postgres://…"));
  checkOpenOptions(options);
  return isPostgresLedger(location)
    ? await PostgresLedger.open(location, options)
    : await SqliteLedger.open(location, options);
}

/** A `readOnly` that is misspelt would make a file. */
function checkOpenOptions(options: OpenLedgerOptions): void {
  const { busyTimeoutMs, readOnly, maxConnections, signal, onTrouble, logger, ...rest } = optionsOf(
    "OpenLedgerOptions",
    options,
  );
  refuseUnknown("OpenLedgerOptions", options, rest);
  checkOptions({ busyTimeoutMs }, numberFrom(0));
  checkOptions({ readOnly }, trueOrFalse);
  checkOptions({ maxConnections }, wholeNumberFrom(1));
  checkOptions({ signal }, abortSignal);
  checkOptions({ onTrouble }, aFunction);
  checkOptions({ logger }, loggerShape);
}

/**
 * Whether a results database is one on PostgreSQL, and not a file.
 *
 * @throws `INVALID_ARGUMENT` for a URL of another kind
 */
export function isPostgresLedger(location: string): boolean {
  const scheme = urlScheme(location);
  if (scheme === undefined) return false;
  if (scheme === "postgres" || scheme === "postgresql") return true;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected the path of a results file or a URL postgres://…, got a URL ${scheme}://….`,
  );
}
