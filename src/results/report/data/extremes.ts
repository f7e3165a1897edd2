/**
 * Keeps the few items of a long stream that have the lowest rank; of equals those that came first.
 * An item of rank Infinity is left out.
 */
export class Extremes<Item> {
  readonly #limit: number;
  readonly #rankOf: (item: Item) => number;
  #kept: { readonly item: Item; readonly rank: number }[] = [];

  constructor(limit: number, rankOf: (item: Item) => number) {
    this.#limit = limit;
    this.#rankOf = rankOf;
  }

  /** Lowest rank first. */
  get items(): readonly Item[] {
    return this.#kept.map(({ item }) => item);
  }

  add(item: Item): void {
    const rank = this.#rankOf(item);
    const worst = this.#kept.at(-1);
    const isFull = this.#kept.length >= this.#limit;
    if (rank === Infinity || (isFull && worst !== undefined && rank >= worst.rank)) return;
    if (isFull) this.#kept.pop();
    const place = this.#kept.findLastIndex((other) => other.rank <= rank) + 1;
    this.#kept.splice(place, 0, { item, rank });
  }
}
