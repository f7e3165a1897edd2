import { isMainThread } from "node:worker_threads";
import { OrangeryError } from "../../errors.ts";
import type { Address } from "./function-table.ts";

/** The kinds of native objects; the keys of {@link liveNativeObjects}. */
export type NativeKind =
  | "session"
  | "tensor"
  | "run options"
  | "session options"
  | "provider options";

interface Owned {
  readonly kind: NativeKind;
  readonly address: Address;
  readonly release: (address: Address) => void;
}

const liveCounts = new Map<NativeKind, number>();

/** Counts the native objects that this thread holds, by kind; kinds without any are left out. */
export function liveNativeObjects(): Readonly<Partial<Record<NativeKind, number>>> {
  return Object.fromEntries([...liveCounts].filter(([, count]) => count > 0));
}

function count(kind: NativeKind, change: 1 | -1): void {
  liveCounts.set(kind, (liveCounts.get(kind) ?? 0) + change);
}

/**
 * A safety net: when a forgotten owner is garbage-collected, its native object is released. Code in
 * this project never relies on it.
 */
const forgotten = new FinalizationRegistry<Owned>(({ kind, address, release }) => {
  count(kind, -1);
  release(address);
});

/**
 * Owns one native object and releases it exactly once: on dispose, or, when a native call still
 * holds it then, as soon as the last such call has returned.
 */
export class NativeObject implements Disposable {
  #owned: Owned | undefined;
  #isDisposed = false;
  #holds = 0;
  readonly kind: NativeKind;

  constructor(kind: NativeKind, address: Address, release: (address: Address) => void) {
    this.kind = kind;
    this.#owned = { kind, address, release };
    count(kind, 1);
    forgotten.register(this, this.#owned, this);
  }

  get disposed(): boolean {
    return this.#isDisposed;
  }

  /** @throws `TENSOR_RELEASED` after dispose. */
  get address(): Address {
    if (this.#isDisposed) {
      throw new OrangeryError(
        "TENSOR_RELEASED",
        `Expected a live native ${this.kind}, but it was released before this use. ` +
          "Keep it until the last run that needs it has settled.",
        { details: { kind: this.kind } },
      );
    }
    return this.#owned!.address;
  }

  /** Keeps the object until the returned hold is disposed, even if it is disposed before. */
  hold(): Disposable {
    this.address;
    this.#holds++;
    return {
      [Symbol.dispose]: () => {
        this.#holds--;
        if (this.#isDisposed && this.#holds === 0) this.#release();
      },
    };
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    if (this.#holds === 0) this.#release();
  }

  /** Whether a native call holds the object now. */
  get held(): boolean {
    return this.#holds > 0;
  }

  /** Gives the address away; its new owner releases it. */
  detach(): Address {
    const { address } = this;
    this.#isDisposed = true;
    this.#forget();
    return address;
  }

  #release(): void {
    const { address, release } = this.#forget();
    release(address);
  }

  #forget(): Owned {
    const owned = this.#owned!;
    this.#owned = undefined;
    count(this.kind, -1);
    forgotten.unregister(this);
    return owned;
  }
}

const ownedHere = new Set<WeakRef<NativeObject>>();

/**
 * What a worker thread has not released when it ends, its exit handler releases: nothing is
 * collected then, and the process would keep it. What a run still reads is left alone: to leak it
 * is better than to take it from the run.
 */
export function releaseWhenThreadEnds(object: NativeObject): void {
  if (isMainThread) return;
  if (ownedHere.size === 0) process.once("exit", releaseAll);
  for (const reference of ownedHere) {
    if (reference.deref()?.disposed ?? true) ownedHere.delete(reference);
  }
  ownedHere.add(new WeakRef(object));
}

function releaseAll(): void {
  for (const reference of ownedHere) {
    const object = reference.deref();
    if (object !== undefined && !object.held) object[Symbol.dispose]();
  }
}
