import { setTimeout } from "node:timers/promises";
import { nextPartSize } from "../../ledger/parts.ts";

/** The rows per part: more if parts are quick, fewer if slow. */
const size = { first: 5000, least: 500, most: 50_000, quickMs: 20, slowMs: 60 };
/** The pause after a part, in parts: a walk takes a tenth of the time at most. */
const rest = 9;
/** The pause after a walk, in its parts: in the long run, walks take half a percent of the time. */
const restAfterAll = 200;

/** A total, and when it was complete. */
export type Dated<Total> = Total & { readonly atMs: number };

/** A total that is made of parts. */
export interface Summing<Total> {
  /** Adds the rows from an id to behind another. */
  add(fromId: number, toId: number): Promise<void>;
  total(): Total;
}

export interface PartsWalkOptions<Total> {
  readonly lastId: () => Promise<number>;
  readonly begin: () => Summing<Total>;
  readonly signal: AbortSignal;
}

/**
 * Sums up many rows in parts with pauses, so that no query is long and a concurrent run hardly
 * notices. The total of the last complete walk is kept.
 */
export class PartsWalk<Total extends object> {
  readonly #options: PartsWalkOptions<Total>;
  #walking: Promise<void> | undefined;
  #last: Dated<Total> | undefined;
  #restsUntilMs = 0;

  constructor(options: PartsWalkOptions<Total>) {
    this.#options = options;
  }

  /** Returns the newest total there is, and begins to make a newer one. */
  async latest(): Promise<Dated<Total> | undefined> {
    const { signal } = this.#options;
    const isResting = this.#walking === undefined && performance.now() < this.#restsUntilMs;
    if (isResting) return this.#last;
    this.#walking ??= this.#walk().finally(() => {
      this.#walking = undefined;
    });
    const walking = this.#walking.catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    // The first walk of few rows is worth waiting for.
    if (this.#last === undefined) await Promise.race([walking, pause(150, signal)]);
    else walking.catch(() => {});
    return this.#last;
  }

  async #walk(): Promise<void> {
    const { lastId: readLastId, begin, signal } = this.#options;
    const lastId = await readLastId();
    const summing = begin();
    let workMs = 0;
    for (let [fromId, rows]: [number, number] = [1, size.first]; fromId <= lastId; ) {
      const startedAtMs = performance.now();
      await summing.add(fromId, fromId + rows);
      fromId += rows;
      const ms = performance.now() - startedAtMs;
      workMs += ms;
      rows = nextPartSize(rows, ms, size);
      if (fromId <= lastId) await pause(rest * ms, signal);
    }
    this.#last = { ...summing.total(), atMs: Date.now() };
    this.#restsUntilMs = performance.now() + restAfterAll * workMs;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal, ref: false }).catch(() => {});
}
