import type { Defined } from "../../../base/check-options.ts";
import type { Logger } from "../../../logger.ts";
import type { HeldLock, JobLocks, LockPolicy } from "../../jobs/job-locks.ts";
import { LockKeeper } from "../../locks/lock-keeper.ts";
import { renewScript } from "./broker-scripts.ts";
import type { CeleryKeys } from "./celery-keys.ts";

export interface RedisLeasesOptions extends Defined<LockPolicy> {
  readonly url: string;
  readonly keys: CeleryKeys;
  readonly logger: Logger;
}

/** The leases of messages, renewed from a thread of its own. */
export class RedisLeases implements JobLocks {
  readonly ready: Promise<void>;
  readonly #keeper: LockKeeper;

  constructor({ url, keys, lockDurationMs, maxBlockedMs, logger }: RedisLeasesOptions) {
    this.#keeper = new LockKeeper({
      connection: { url },
      renewal: { script: renewScript, keys: [keys.unackedIndex, keys.leases] },
      lockDurationMs,
      maxBlockedMs,
      logger,
    });
    this.ready = this.#keeper.ready;
  }

  /** A message acknowledged before its task began has no lease. */
  hold({ token }: HeldLock, onLost: () => void): Disposable {
    if (token === "") return { [Symbol.dispose]: () => {} };
    return this.#keeper.hold({ jobId: token, token }, onLost);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
  }
}
