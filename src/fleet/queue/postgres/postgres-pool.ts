import { EventEmitter } from "node:events";
import type { PgPool, PgPoolClient, PgQueryResult } from "bullmq";
import type { PoolClient } from "pg";
import { tryAgain } from "../../../base/try-again.ts";
import { isOrangeryError, type OrangeryError } from "../../../errors.ts";
import { toPostgresQueueError } from "./postgres-errors.ts";
import { type PostgresPoolOptions, SharedPool } from "./shared-pool.ts";

/** A restarted server is back within a second or two, and somebody waits: retry often. */
const pauseMs = [50, 1000] as const;

/**
 * PostgreSQL connections for BullMQ that, like ioredis, wait for a server however long it is down:
 * requests made in the meantime are sent when it is back, and a request whose answer was lost is
 * sent again. Each failure to connect is an `error` event.
 */
export class PostgresPool extends EventEmitter implements PgPool {
  /** Read by BullMQ: broken connections are noticed. */
  readonly options = { keepAlive: true };
  readonly #shared: SharedPool;
  readonly #isListening: boolean;
  readonly #ending = new AbortController();

  constructor(options: PostgresPoolOptions) {
    super();
    this.#shared = SharedPool.of(options);
    this.#isListening = options.isListening;
  }

  /** @throws `QUEUE_…`, `PACKAGE_MISSING`, unless it may pass */
  async connect(): Promise<PgPoolClient> {
    // The same methods; only BullMQ's types differ.
    return (await this.#take()) as unknown as PgPoolClient;
  }

  async #take(): Promise<PoolClient> {
    const { signal } = this.#ending;
    const isPassing = (error: unknown) => {
      const failure = toFailure(error);
      if (failure !== undefined) this.#report(failure);
      return failure?.retryable ?? false;
    };
    try {
      return await tryAgain({ isPassing, pauseMs, signal }, () => this.#shared.connect());
    } catch (error) {
      throw toFailure(error) ?? error;
    }
  }

  /** @throws `QUEUE_…`, and what BullMQ's functions raise */
  // biome-ignore lint/suspicious/noExplicitAny: as BullMQ's interface has it
  async query<Row = any>(
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<PgQueryResult<Row>> {
    const { signal } = this.#ending;
    const isPassing = (error: unknown) => isOrangeryError(error, "QUEUE_UNREACHABLE");
    return await tryAgain({ isPassing, pauseMs, signal }, async () => {
      const client = await this.#take();
      try {
        const name = statementName(text);
        const answer = await client.query({ name, text, values: [...parameters] });
        client.release();
        return answer as PgQueryResult<Row>;
      } catch (error) {
        const failure = toFailure(error);
        client.release(failure !== undefined);
        if (failure === undefined) throw error;
        // The tables may be gone, if somebody has recreated the database.
        this.#shared.forgetSchema();
        throw failure;
      }
    });
  }

  async end(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort(new Error("the connections are closed"));
    await this.#shared.release({ isListening: this.#isListening });
  }

  #report(failure: OrangeryError): void {
    if (this.listenerCount("error") > 0) this.emit("error", failure);
  }
}

/** Known statements and their numbers. */
const statements = new Map<string, number>();
let repeated = 0;

/** A named statement is parsed once per connection. */
function statementName(text: string): string | undefined {
  const number = statements.get(text);
  if (number === undefined) statements.set(text, 0);
  else if (number === 0) statements.set(text, ++repeated);
  return number === undefined ? undefined : `orangery_${statements.get(text)}`;
}

function toFailure(error: unknown): OrangeryError | undefined {
  return isOrangeryError(error) ? error : toPostgresQueueError(error);
}
