import { Kysely, PostgresDialect, sql, type Transaction } from "kysely";
import { untilAborted } from "../../base/abort.ts";
import type { Defined } from "../../base/check-options.ts";
import { tryAgain } from "../../base/try-again.ts";
import { hasUnencodedPassword } from "../../base/url.ts";
import { OrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import type { AccessOptions } from "../ledger.ts";
import { bringUpToDate, schemaVersion } from "../schema/migrations.ts";
import type { LedgerTables } from "../schema/tables.ts";
import { DatabaseLedger, refuseNewer } from "./database-ledger.ts";
import { createPool, postgresMigrationDialect } from "./postgres-dialect.ts";
import {
  anyTextAdvice,
  isPassing,
  madeAnew,
  noAnswer,
  postgresProblemKind,
  takesAnyText,
  toPostgresLedgerError,
} from "./postgres-error.ts";

export interface PostgresDatabaseOptions {
  /**
   * How long to repeat an access while the server cannot be reached. Only without a limit,
   * Infinity, a server whose disk is full or that takes no writes is waited for as well. At least
   * 0, default 30,000.
   */
  readonly busyTimeoutMs?: number | undefined;
  /** Opens what is there: an empty database is refused. Default false. */
  readonly readOnly?: boolean | undefined;
  /** The most connections. At least 1, default 4. */
  readonly maxConnections?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called when the server cannot be used and is waited for; with undefined when it is back. */
  readonly onTrouble?: ((error: unknown) => void) | undefined;
  readonly logger?: Logger | undefined;
}

interface OpenOptions extends PostgresDatabaseOptions {
  /** An access that takes longer is reported while it is waited for. Default 10 s. */
  readonly silenceMs?: number | undefined;
}

/** The key of the lock under which a database is brought up to date: "ORNG". */
const migrationLock = 0x4f524e47;

type GuardOptions = Defined<OpenOptions, "busyTimeoutMs" | "silenceMs" | "logger"> &
  Pick<PostgresDatabaseOptions, "onTrouble">;

/** Tables in the schema of PostgreSQL that is the first in the connection's search path. */
export class PostgresLedger extends DatabaseLedger {
  override readonly isInProcess = false;
  readonly #options: GuardOptions;
  /** Of the database that was opened; another may take its place. */
  #identity: string | undefined;
  #failure: unknown;
  /** Accesses that are tried again. */
  #failing = 0;

  private constructor(location: string, db: Kysely<LedgerTables>, options: GuardOptions) {
    super(location, db);
    this.#options = options;
  }

  /**
   * Opens a database, makes the tables where it is empty, and brings an older schema up to date.
   *
   * @throws `LEDGER_*`, `PACKAGE_MISSING`, `INVALID_ARGUMENT`
   */
  static async open(url: string, options: OpenOptions = {}): Promise<PostgresLedger> {
    const { busyTimeoutMs = 30_000, silenceMs = 10_000, maxConnections = 4 } = options;
    const { signal, onTrouble, logger = silentLogger } = options;
    const location = withoutPassword(url);
    const pool = await createPool(url, { max: maxConnections });
    const db = new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool }) });
    const ledger = new PostgresLedger(location, db, {
      busyTimeoutMs,
      silenceMs,
      logger,
      onTrouble,
    });
    try {
      await ledger.#prepare(db, { readOnly: options.readOnly ?? false, signal });
      ledger.#identity = await ledger.identity({ signal });
      return ledger;
    } catch (error) {
      await ledger[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #prepare(
    db: Kysely<LedgerTables>,
    { readOnly, signal }: AccessOptions & { readonly readOnly: boolean },
  ): Promise<void> {
    const before = await this.guard(() => this.#findVersion(db), signal);
    if (before === schemaVersion) return;
    if (before === 0 && readOnly) {
      throw new OrangeryError(
        "LEDGER_NOT_FOUND",
        `Expected a results database, but there are no results at ${this.location}. Check the URL.`,
        { details: { location: this.location } },
      );
    }
    await this.guard(
      () => db.transaction().execute((transaction) => this.#update(transaction)),
      signal,
    );
  }

  async #update(transaction: Transaction<LedgerTables>): Promise<void> {
    // However long it takes, and others take: what the server allows a query is not meant.
    await sql`set local statement_timeout = 0`.execute(transaction);
    await sql`set local lock_timeout = 0`.execute(transaction);
    await sql`select pg_advisory_xact_lock(${migrationLock})`.execute(transaction);
    // Another process may have been faster.
    const found = await this.#findVersion(transaction);
    const db = transaction as unknown as Kysely<unknown>;
    if (found === schemaVersion) return;
    if (found === 0) await this.#refuseEncoding(transaction);
    // Waits for writers, since each of them reads this table; later writers wait for the update.
    if (found > 0) await sql`lock table ledger_version in access exclusive mode`.execute(db);
    const update = { location: this.location, from: found };
    await bringUpToDate(db, postgresMigrationDialect, update);
    if (found === 0) await sql`create table ledger_version (version integer not null)`.execute(db);
    await sql`delete from ledger_version`.execute(db);
    await sql`insert into ledger_version values (${schemaVersion})`.execute(db);
  }

  /** Paths, names of classes and cameras have any characters. */
  async #refuseEncoding(db: Kysely<LedgerTables>): Promise<void> {
    const { rows } = await sql<{ encoding: string }>`
      select current_setting('server_encoding') as encoding`.execute(db);
    const encoding = rows[0]!.encoding;
    if (takesAnyText(encoding)) return;
    throw new OrangeryError(
      "LEDGER_REFUSED",
      `Expected a results database in UTF8, but ${this.location} is in ${encoding}, which lacks ` +
        `characters. ${anyTextAdvice}`,
      { details: { location: this.location, expected: "UTF8", came: encoding } },
    );
  }

  /** Returns the version of the database; 0 where there is no ledger. */
  async #findVersion(db: Kysely<LedgerTables>): Promise<number> {
    // Asked of a table: `to_regclass` answers out of a cache that another's migration may not have
    // reached yet.
    const table = await sql`
      select 1 from pg_tables
      where schemaname = current_schema() and tablename = 'ledger_version'`.execute(db);
    if (table.rows.length === 0) return 0;
    const { rows } = await sql<{ version: number }>`select version from ledger_version`.execute(db);
    const found = rows[0]?.version ?? 0;
    refuseNewer(found, this.location);
    return found;
  }

  protected override async versionOf(transaction: Transaction<LedgerTables>): Promise<number> {
    const asked = sql<{ version: number; id: string }>`
      select version, id from ledger_version, identity`.execute(transaction);
    const { rows } = await asked.catch((cause: unknown) => {
      throw postgresProblemKind(cause) === "changed" ? madeAnew(this.location, cause) : cause;
    });
    if (rows[0]?.id !== this.#identity) throw madeAnew(this.location);
    return rows[0]!.version;
  }

  protected override async guard<T>(
    access: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { busyTimeoutMs: timeoutMs, silenceMs } = this.#options;
    let hasFailed = false;
    const fail = (error: unknown, how = {}) => {
      if (!hasFailed) this.#failing++;
      hasFailed = true;
      this.#report(error, how);
    };
    const isWorthAnother = (error: unknown) => {
      const isSo = isPassing(error, timeoutMs === Number.POSITIVE_INFINITY);
      if (isSo) fail(toPostgresLedgerError(error, this.location));
      return isSo;
    };
    const silence = setTimeout(
      () => fail(noAnswer(this.location, silenceMs), { isSilent: true }),
      silenceMs,
    );
    try {
      const result = await tryAgain(
        { isPassing: isWorthAnother, timeoutMs, pauseMs: [20, 1000], signal },
        () => untilAborted(access(), signal),
      );
      // Where others still fail, this one was only luckier: a connection may have been left for it.
      if (this.#failing === Number(hasFailed)) this.#report(undefined);
      return result;
    } catch (error) {
      throw toPostgresLedgerError(error, this.location);
    } finally {
      clearTimeout(silence);
      if (hasFailed) this.#failing--;
    }
  }

  /** Reports a change: accesses fail side by side, and again and again. */
  #report(err: unknown, { isSilent = false } = {}): void {
    if ((err === undefined) === (this.#failure === undefined)) return;
    this.#failure = err;
    const { location } = this;
    const { logger, onTrouble } = this.#options;
    if (err === undefined) logger.info({ location }, "The results database answers again");
    else if (isSilent)
      logger.warn({ err, location }, "The results database does not answer; waiting");
    else logger.warn({ err, location }, "The results database failed; trying again");
    onTrouble?.(err);
  }
}

/** @throws `INVALID_ARGUMENT`, without the URL, which may contain a password */
export function withoutPassword(text: string): string {
  const url = URL.parse(text);
  const isUnencoded = hasUnencodedPassword(text);
  if (url === null || isUnencoded) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      "Expected the URL of a PostgreSQL database, as in postgres://user:password@host/name, got " +
        (isUnencoded
          ? "one whose password is not percent-encoded. Write / as %2F, # as %23, ? as %3F, " +
            "@ as %40 and % as %25."
          : "one that cannot be read."),
    );
  }
  url.password = "";
  if (url.searchParams.has("password")) url.searchParams.delete("password");
  return url.href;
}
