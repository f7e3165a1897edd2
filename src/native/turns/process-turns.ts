import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { BroadcastChannel } from "node:worker_threads";
import { untilAborted } from "../../base/abort.ts";
import { isThreadAlive, markThread, thisThread as self } from "../process-lock.ts";
import { processMemory } from "../process-memory.ts";
import {
  type GrantedTurn,
  type TurnRequest,
  type TurnShare,
  TurnTable,
  turnTableBytes,
} from "./turn-table.ts";

/*
 * The turns on one device, for all threads of the process.
 *
 * - The queue is a table in memory that threads share, changed under a lock of one word that is
 *   held for microseconds.
 * - The thread that ends a run begins the next, and notifies its thread by that thread's
 *   BroadcastChannel. Nothing is asked for again and again.
 * - A waiting thread looks at the table every quarter of a second all the same. The timer keeps
 *   the thread alive, which a channel should not, and it is then that a thread which was killed in
 *   its turn is noticed: each thread holds a mark, a Web Lock, that goes when the thread dies.
 */

const lookMs = 250;
/** The lock is held for microseconds; after this long its owner may be dead. */
const lockPatienceMs = 20;

const channelOf = (thread: number) => `orangery:turns:${thread}`;

const turnsByDevice = new Map<string, Promise<ProcessTurns>>();

/** The turns on a device, the same for every caller in the process. */
export async function processTurns(device: string): Promise<ProcessTurns> {
  let turns = turnsByDevice.get(device);
  if (turns === undefined) {
    turns = open(device);
    turnsByDevice.set(device, turns);
  }
  return await turns;
}

async function open(device: string): Promise<ProcessTurns> {
  try {
    joined ??= joinProcess();
    await joined;
    return new ProcessTurns(new TurnTable(await processMemory(`turns ${device}`, turnTableBytes)));
  } catch (error) {
    turnsByDevice.delete(device);
    throw error;
  }
}

let joined: Promise<void> | undefined;

/** Marks this thread as alive for as long as it is, and listens for turns that have begun. */
async function joinProcess(): Promise<void> {
  await markThread();
  const channel = new BroadcastChannel(channelOf(self));
  channel.onmessage = async () => {
    for (const turns of turnsByDevice.values()) (await turns).look();
  };
  channel.unref();
}

const channels = new Map<number, BroadcastChannel>();

function notify(thread: number): void {
  let channel = channels.get(thread);
  if (channel === undefined) {
    channel = new BroadcastChannel(channelOf(thread));
    channel.unref();
    channels.set(thread, channel);
  }
  channel.postMessage(null);
}

function forgetChannel(thread: number): void {
  channels.get(thread)?.close();
  channels.delete(thread);
}

/** A request for a turn; by default, to have the device alone. */
export interface TurnOptions extends Partial<TurnRequest> {
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** One device's turns as one thread sees them. */
export class ProcessTurns {
  readonly #table: TurnTable;
  /** Callers of this thread that wait, by slot. */
  readonly #waiting = new Map<number, (share: TurnShare) => void>();
  readonly #begunAtMs = new Map<number, number>();
  #looking: NodeJS.Timeout | undefined;

  constructor(table: TurnTable) {
    this.#table = table;
  }

  /** How long the run of this thread that has been going on for longest has taken; 0 for none. */
  get busyMs(): number {
    if (this.#begunAtMs.size === 0) return 0;
    return performance.now() - Math.min(...this.#begunAtMs.values());
  }

  /**
   * Runs `work` when it is its turn, with its share of the device. A waiting caller that aborts
   * leaves the queue; the place of a running one is freed when its work ends, not when its caller
   * leaves.
   */
  async run<T>(
    work: (share: TurnShare) => Promise<T>,
    { cores = 1, places = 1, signal }: TurnOptions = {},
  ): Promise<T> {
    signal?.throwIfAborted();
    const { slot, begun } = await this.#ask({ cores, places }, signal);
    try {
      const share = await untilAborted(begun, signal);
      this.#begunAtMs.set(slot, performance.now());
      return await work(share);
    } finally {
      this.#begunAtMs.delete(slot);
      this.#waiting.delete(slot);
      this.#rest();
      await this.#change(() => this.#table.leave(slot));
    }
  }

  /** Wakes callers of this thread whose turn has begun. */
  look(): void {
    for (const [slot, begin] of this.#waiting) {
      const share = this.#table.shareOf(slot);
      if (share === undefined) continue;
      this.#waiting.delete(slot);
      begin(share);
    }
    this.#rest();
  }

  async #ask(
    request: TurnRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly slot: number; readonly begun: Promise<TurnShare> }> {
    for (;;) {
      const { promise: begun, resolve } = Promise.withResolvers<TurnShare>();
      const slot = await this.#change(() => {
        const asked = this.#table.ask(self, request);
        if (asked !== undefined) this.#waiting.set(asked, resolve);
        return asked;
      });
      if (slot !== undefined) {
        this.#watch();
        return { slot, begun };
      }
      await sleep(lookMs, undefined, { signal }).catch(() => signal?.throwIfAborted());
    }
  }

  /** Changes the table, and begins the turns for which there is room after that. */
  async #change<T>(change: () => T): Promise<T> {
    const sinceMs = performance.now();
    // Do not await until the lock is released.
    while (!this.#table.passLock(0, self)) await this.#waitForLock(sinceMs);
    let result: T;
    let granted: GrantedTurn[];
    try {
      result = change();
      granted = this.#table.grant();
    } finally {
      this.#table.passLock(self, 0);
    }
    // A caller of this thread may be one of another copy of the package.
    const [own, others] = [granted.filter(this.#isOwn), granted.filter((one) => !this.#isOwn(one))];
    if (own.length > 0) this.look();
    for (const thread of new Set(others.map((one) => one.thread))) notify(thread);
    return result;
  }

  #isOwn = ({ thread, slot }: GrantedTurn): boolean => thread === self && this.#waiting.has(slot);

  async #waitForLock(sinceMs: number): Promise<void> {
    await turn();
    if (performance.now() - sinceMs < lockPatienceMs) return;
    const { owner } = this.#table;
    if (owner !== 0 && !(await isThreadAlive(owner))) this.#table.passLock(owner, 0);
  }

  /** Looks at the table from time to time while anyone waits. */
  #watch(): void {
    if (this.#waiting.size === 0) return;
    this.#looking ??= setInterval(() => void this.#lookForTheDead(), lookMs);
  }

  #rest(): void {
    if (this.#waiting.size > 0) return;
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  async #lookForTheDead(): Promise<void> {
    for (const thread of this.#table.running) {
      if (thread === self || (await isThreadAlive(thread))) continue;
      forgetChannel(thread);
      await this.#change(() => this.#table.leaveAll(thread));
    }
    this.look();
  }
}
