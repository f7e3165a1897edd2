/** What a caller wants of a device. */
export interface TurnRequest {
  /** The device's threads, as this caller counts them: all cores on a CPU, 1 elsewhere. */
  readonly cores: number;
  /** The most runs at a time that pay for what is to be run, at least 1; it may exceed `cores`. */
  readonly places: number;
}

/** What a run gets of its device. */
export interface TurnShare {
  readonly threads: number;
  /** Runs and waiting callers when it began, itself included. */
  readonly callers: number;
}

/** A turn that has begun. */
export interface GrantedTurn {
  readonly slot: number;
  /** The thread of JavaScript that has it. */
  readonly thread: number;
}

/** Words of 32 bits. */
const Head = { owner: 0, nextTicket: 1, used: 2 } as const;
const headWords = 4;
const Slot = {
  state: 0,
  ticket: 1,
  thread: 2,
  threads: 3,
  callers: 4,
  cores: 5,
  places: 6,
} as const;
const slotWords = 7;
const State = { free: 0, waiting: 1, running: 2 } as const;

/** Calls that wait or run at one moment; more wait until there is room to wait. */
const mostSlots = 2048;

/** Bytes that a table takes. */
export const turnTableBytes = 4 * (headWords + mostSlots * slotWords);

/**
 * The queue and the holders of a device, in memory that threads share. First come, first served. A
 * single run has all of the device's threads; concurrent runs share them.
 *
 * Every method but `lock` is called by the thread that has the lock. A thread may be killed at any
 * moment, so each change is made by one word, written last, and nothing is counted that can be
 * read off.
 */
export class TurnTable {
  readonly #words: Int32Array;

  /** @param memory {@link turnTableBytes} bytes, zero at first */
  constructor(memory: ArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** The thread that has the lock; 0 for none. */
  get owner(): number {
    return Atomics.load(this.#words, Head.owner);
  }

  /** Hands the lock from one thread to another, 0 for none. @returns whether `from` had it */
  passLock(from: number, to: number): boolean {
    return Atomics.compareExchange(this.#words, Head.owner, from, to) === from;
  }

  /** Puts a caller into the queue. @returns its slot; undefined where there is no room */
  ask(thread: number, { cores, places }: TurnRequest): number | undefined {
    const words = this.#words;
    for (let slot = 0; slot < mostSlots; slot++) {
      if (this.#get(slot, Slot.state) !== State.free) continue;
      const at = headWords + slot * slotWords;
      const ticket = Atomics.add(words, Head.nextTicket, 1);
      words.set([ticket, thread, 0, 0, cores, places], at + Slot.ticket);
      if (slot >= words[Head.used]!) Atomics.store(words, Head.used, slot + 1);
      Atomics.store(words, at + Slot.state, State.waiting);
      return slot;
    }
    return undefined;
  }

  /** Frees a slot, whether its caller was waiting or running. */
  leave(slot: number): void {
    this.#set(slot, Slot.state, State.free);
  }

  /** Frees what a dead thread had. */
  leaveAll(thread: number): void {
    for (const slot of this.#slots()) {
      if (this.#get(slot, Slot.thread) === thread) this.leave(slot);
    }
  }

  /** Begins the turns of as many waiting callers as the device has room for, in their order. */
  grant(): GrantedTurn[] {
    const granted: GrantedTurn[] = [];
    for (;;) {
      const head = this.#head();
      if (head === undefined) return granted;
      const share = this.#shareOf(head);
      if (share === undefined) return granted;
      this.#set(head, Slot.threads, share.threads);
      this.#set(head, Slot.callers, share.callers);
      this.#set(head, Slot.state, State.running);
      granted.push({ slot: head, thread: this.#get(head, Slot.thread) });
    }
  }

  /** The share of a slot's run; undefined while it waits. */
  shareOf(slot: number): TurnShare | undefined {
    if (this.#get(slot, Slot.state) !== State.running) return undefined;
    return { threads: this.#get(slot, Slot.threads), callers: this.#get(slot, Slot.callers) };
  }

  /** The threads of JavaScript whose runs are in progress. */
  get running(): ReadonlySet<number> {
    const running = this.#slots().filter((slot) => this.#get(slot, Slot.state) === State.running);
    return new Set(running.map((slot) => this.#get(slot, Slot.thread)));
  }

  /** The slot that has waited for longest. */
  #head(): number | undefined {
    let head: number | undefined;
    for (const slot of this.#slots()) {
      if (this.#get(slot, Slot.state) !== State.waiting) continue;
      const isBefore = (other: number) =>
        ((this.#get(slot, Slot.ticket) - this.#get(other, Slot.ticket)) | 0) < 0;
      if (head === undefined || isBefore(head)) head = slot;
    }
    return head;
  }

  /** The share that a waiting caller can have now; undefined for none yet. */
  #shareOf(slot: number): TurnShare | undefined {
    let [runs, callers, busy] = [0, 0, 0];
    for (const other of this.#slots()) {
      callers++;
      if (this.#get(other, Slot.state) !== State.running) continue;
      runs++;
      busy += this.#get(other, Slot.threads);
    }
    const [cores, places] = [this.#get(slot, Slot.cores), this.#get(slot, Slot.places)];
    const threads = threadsARun(cores, Math.min(callers, places));
    const room = Math.max(cores, places);
    return runs < places && busy + threads <= room ? { threads, callers } : undefined;
  }

  #slots(): number[] {
    const used = this.#words[Head.used]!;
    const slots: number[] = [];
    for (let slot = 0; slot < used; slot++) {
      if (this.#get(slot, Slot.state) !== State.free) slots.push(slot);
    }
    return slots;
  }

  #get(slot: number, word: number): number {
    return Atomics.load(this.#words, headWords + slot * slotWords + word);
  }

  #set(slot: number, word: number, value: number): void {
    Atomics.store(this.#words, headWords + slot * slotWords + word, value);
  }
}

/**
 * The threads that a run has where `runs` share the cores: all of them, a half, a quarter, … The
 * steps are few, because each number of threads is a session of its own.
 */
export function threadsARun(cores: number, runs: number): number {
  let threads = cores;
  while (threads > 1 && Math.floor(cores / threads) < runs) threads >>= 1;
  return threads;
}
