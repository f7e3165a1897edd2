import { randomBytes } from "node:crypto";
import { access, rm, writeFile } from "node:fs/promises";
import { sql } from "kysely";
import { isOrangeryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { toSpaceError } from "../databases/sqlite-error.ts";
import type { Ledger } from "../ledger.ts";
import { currentProcess, isCertainlyGone } from "./process-identity.ts";

/** Deaths of the process on one photo after which the photo is set aside. */
export const deathsAllowed = 3;

/** What a job that nobody holds looks like, whatever its state. */
export const unleased = { owner: null, begun: 0, claimed_sha256: null } as const;

export interface LeaseOwnerOptions {
  readonly leaseMs: number;
  readonly logger: Logger;
}

/**
 * One user of a ledger, and the lease under which it holds jobs.
 *
 * An owner is *registered*, renews its lease every third of `leaseMs`, and is *removed* with its jobs
 * going back when it closes. When its process dies it stays in the table until another owner sees
 * that it is gone: at once where both run on one host, else when the lease has expired. Its jobs then
 * go back to waiting; those that were begun count one more attempt, and the third death sets the photo
 * aside. An owner that was only asleep finds its jobs gone, for every write checks the owner, and
 * registers again.
 *
 * Beside the results file lies an empty file as long as the owner works. A death leaves it behind, an
 * orderly end removes it: that needs no room, so even an end for want of room, where the jobs cannot
 * be given back, is told from a death and blamed on no photo.
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
    try {
      await writeFile(owner.#markOf(owner.id), "");
    } catch (error) {
      throw toSpaceError(error, ledger.location);
    }
    owner.#timer = setInterval(() => {
      owner.#renewing = owner.#renew().catch((error: unknown) => {
        // What hinders this write will hinder the run's own, which reports it.
        owner.#logger.warn({ err: error }, "The lease could not be renewed");
      });
    }, options.leaseMs / 3);
    owner.#timer.unref();
    return owner;
  }

  /** Gives all jobs back, without blame, and leaves the table. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    await rm(this.#markOf(this.id), { force: true });
    try {
      await this.#ledger.write(async (transaction) => {
        await transaction
          .updateTable("job")
          .set({ state: "waiting", ...unleased })
          .where("owner", "=", this.id)
          .execute();
        await transaction.deleteFrom("owner").where("id", "=", this.id).execute();
      });
    } catch (error) {
      // The jobs then go back when the next run sees that this process is gone.
      if (!isOrangeryError(error, "NO_SPACE")) throw error;
    }
  }

  /** Whether any other owner is registered, alive or not yet found dead. */
  async isAlone(): Promise<boolean> {
    const other = await this.#ledger.read((db) =>
      db.selectFrom("owner").select("id").where("id", "!=", this.id).executeTakeFirst(),
    );
    return other === undefined;
  }

  /** Puts back what owners left behind that are dead or did not renew their lease. */
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

  async #recoverFrom({
    id,
    pid,
    expires_at_ms,
  }: {
    id: string;
    pid: number;
    expires_at_ms: number;
  }) {
    const mark = this.#markOf(id);
    const isDeath = await access(mark).then(
      () => true,
      () => false,
    );
    const recovered = await this.#ledger.write(async (transaction) => {
      const removed = await transaction
        .deleteFrom("owner")
        .where("id", "=", id)
        // It may have woken up and renewed, or another owner may have been faster.
        .where("expires_at_ms", "=", expires_at_ms)
        .executeTakeFirst();
      if (removed.numDeletedRows === 0n) return undefined;
      if (!isDeath) {
        await transaction.updateTable("job").set({ begun: 0 }).where("owner", "=", id).execute();
      }
      await transaction
        .updateTable("job")
        .set({
          state: "set-aside",
          reason_code: "PHOTO_CRASHED_WORKER",
          reason_message:
            `The process died ${deathsAllowed} times while it worked on this photo ` +
            "(killed, out of memory or crashed). Look at the photo; --retry tries it again.",
        })
        .where("owner", "=", id)
        .where("begun", "=", 1)
        .where("attempts", ">=", deathsAllowed - 1)
        .execute();
      return await transaction
        .updateTable("job")
        .set((eb) => ({
          state: sql`case when ${eb.ref("state")} = 'set-aside' then 'set-aside' else 'waiting' end`,
          attempts: eb("attempts", "+", eb.ref("begun")),
          ...unleased,
        }))
        .where("owner", "=", id)
        .executeTakeFirst();
    });
    if (recovered === undefined) return;
    await rm(mark, { force: true });
    const jobs = Number(recovered.numUpdatedRows);
    this.#logger.info({ pid, jobs }, "Took over the photos of a process that is gone");
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
