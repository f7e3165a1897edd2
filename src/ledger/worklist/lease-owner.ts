import { randomBytes } from "node:crypto";
import { access, rm, writeFile } from "node:fs/promises";
import type { Selectable, Transaction } from "kysely";
import { guardWriting } from "../../base/files/disk-full.ts";
import { isOrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { Ledger } from "../ledger.ts";
import { failedFor, unleased } from "../photos/entry-rows.ts";
import { currentProcess, isCertainlyGone } from "../process-identity.ts";
import type { LedgerTables } from "../schema/tables.ts";

/** Deaths of the process on one photo after which the photo has failed. */
export const deathsAllowed = 3;

const crashed = {
  code: "PHOTO_CRASHED_WORKER",
  message:
    `The process died ${deathsAllowed} times while it worked on this photo ` +
    "(killed, out of memory or crashed). Look at the photo; --retry tries it again.",
};

export interface LeaseOwnerOptions {
  readonly leaseMs: number;
  readonly logger: Logger;
}

/**
 * One user of a results file, and the lease under which it holds entries.
 *
 * An owner is *registered*, renews its lease every third of `leaseMs`, and is *removed* when it
 * closes, which puts its entries back. When its process dies it stays in the table until another
 * owner finds it gone: at once where both run on one host, else when the lease has expired. Its
 * entries then wait again; those that were begun count one more attempt, and at the third death the
 * photo has failed. An owner that was only suspended notices that its entries are gone, since every
 * write checks the owner, and registers again.
 *
 * While the owner works, an empty file lies beside the results file. A death leaves it behind, an
 * orderly end removes it. Removing needs no disk space: so an owner that ends because the disk is
 * full, and cannot put its entries back, is not mistaken for a death and blamed on a photo.
 */
export class LeaseOwner implements AsyncDisposable {
  readonly id = randomBytes(6).toString("hex");
  readonly #ledger: Ledger;
  readonly #leaseMs: number;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> = Promise.resolve();

  private constructor(ledger: Ledger, { leaseMs, logger }: LeaseOwnerOptions) {
    this.#ledger = ledger;
    this.#leaseMs = leaseMs;
    this.#logger = logger;
  }

  /** Registers a new owner, and renews its lease until it is disposed. */
  static async start(ledger: Ledger, options: LeaseOwnerOptions): Promise<LeaseOwner> {
    const owner = new LeaseOwner(ledger, options);
    await owner.#renew();
    const mark = owner.#markOf(owner.id);
    await guardWriting(mark, () => writeFile(mark, ""));
    owner.#timer = setInterval(() => {
      owner.#renewing = owner.#renew().catch((error: unknown) => {
        // The run's own writes then fail as well, and report it.
        owner.#logger.warn({ err: error }, "The lease could not be renewed");
      });
    }, options.leaseMs / 3);
    owner.#timer.unref();
    return owner;
  }

  /** Puts all entries back, without blame, and leaves the table. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    await rm(this.#markOf(this.id), { force: true });
    try {
      await this.#ledger.write(async (transaction) => {
        await transaction
          .updateTable("entry")
          .set({ state: "waiting", ...unleased })
          .where("owner", "=", this.id)
          .execute();
        await transaction.deleteFrom("owner").where("id", "=", this.id).execute();
      });
    } catch (error) {
      // The next run puts the entries back when it finds this process gone.
      if (!isOrangeryError(error, "NO_SPACE")) throw error;
    }
  }

  /** Whether no other owner is registered, alive or not yet found dead. */
  async isAlone(): Promise<boolean> {
    const other = await this.#ledger.read((db) =>
      db.selectFrom("owner").select("id").where("id", "!=", this.id).executeTakeFirst(),
    );
    return other === undefined;
  }

  /** Puts back the entries of owners that are dead or did not renew their lease. */
  async recover(): Promise<void> {
    const others = await this.#ledger.read((db) =>
      db.selectFrom("owner").selectAll().where("id", "!=", this.id).execute(),
    );
    for (const other of others) {
      const expired = other.expires_at_ms < Date.now();
      if (!expired && !isCertainlyGone({ ...other, processStart: other.process_start })) continue;
      await this.#recoverFrom(other);
    }
  }

  async #recoverFrom({ id, pid, expires_at_ms }: OwnerRow): Promise<void> {
    const mark = this.#markOf(id);
    const isDeath = await access(mark).then(
      () => true,
      () => false,
    );
    const photos = await this.#ledger.write(async (transaction) => {
      const removed = await transaction
        .deleteFrom("owner")
        .where("id", "=", id)
        // It may have resumed and renewed, or another owner may have been faster.
        .where("expires_at_ms", "=", expires_at_ms)
        .executeTakeFirst();
      if (removed.numDeletedRows === 0n) return undefined;
      return await putBack(transaction, id, isDeath);
    });
    if (photos === undefined) return;
    await rm(mark, { force: true });
    this.#logger.info({ pid, photos }, "Took over the photos of a process that is gone");
  }

  #markOf(ownerId: string): string {
    return `${this.#ledger.location}-run-${ownerId}`;
  }

  async #renew(): Promise<void> {
    const { host, pid, processStart } = currentProcess();
    const expires_at_ms = Date.now() + this.#leaseMs;
    await this.#ledger.write((transaction) =>
      transaction
        .insertInto("owner")
        .values({ id: this.id, host, pid, process_start: processStart, expires_at_ms })
        .onConflict((conflict) => conflict.column("id").doUpdateSet({ expires_at_ms }))
        .execute(),
    );
  }
}

type OwnerRow = Selectable<LedgerTables["owner"]>;

/** Ends the lease of an owner that is gone; returns how many entries it held. */
async function putBack(
  transaction: Transaction<LedgerTables>,
  ownerId: string,
  isDeath: boolean,
): Promise<number> {
  const held = await transaction
    .selectFrom("entry")
    .select(["id", "begun", "attempts"])
    .where("owner", "=", ownerId)
    .execute();
  for (const { id, begun, attempts: before } of held) {
    const attempts = before + (isDeath ? begun : 0);
    const hasFailed = attempts > before && attempts >= deathsAllowed;
    const state = hasFailed ? failedFor(crashed) : ({ state: "waiting", ...unleased } as const);
    await transaction
      .updateTable("entry")
      .set({ ...state, attempts })
      .where("id", "=", id)
      .execute();
  }
  return held.length;
}
