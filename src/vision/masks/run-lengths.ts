/** Collects runs of inside pixels, in ascending order, as COCO's counts; joins runs that touch. */
export class RunLengths {
  #counts = new Uint32Array(64);
  #length = 0;
  #end = 0;

  /** Whether nothing was added. */
  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /**
   * Adds the pixels `start` … `start + length − 1`; `start` is at or after the end of the last run.
   */
  add(start: number, length: number): void {
    if (length <= 0) return;
    if (start === this.#end && this.#length > 0) {
      this.#counts[this.#length - 1]! += length;
    } else {
      if (this.#length + 3 > this.#counts.length) this.#grow();
      this.#counts[this.#length++] = start - this.#end;
      this.#counts[this.#length++] = length;
    }
    this.#end = start + length;
  }

  /** Returns the counts of a picture of `total` pixels. */
  finish(total: number): Uint32Array {
    const rest = total - this.#end;
    if (rest > 0) this.#counts[this.#length++] = rest;
    return this.#counts.slice(0, this.#length);
  }

  #grow(): void {
    const counts = new Uint32Array(2 * this.#counts.length);
    counts.set(this.#counts);
    this.#counts = counts;
  }
}

/**
 * Returns the counts of a picture whose columns have these pixels inside, from the first of each
 * interval to before its end. Intervals may overlap, and reach beyond the picture.
 */
export function fillColumns(
  columns: readonly (readonly [start: number, end: number])[][],
  heightPx: number,
): Uint32Array {
  const runs = new RunLengths();
  for (const [x, intervals] of columns.entries()) {
    intervals.sort(([a], [b]) => a - b);
    let filledTo = 0;
    for (const [from, to] of intervals) {
      const start = Math.max(filledTo, from);
      const end = Math.min(heightPx, to);
      if (end <= start) continue;
      runs.add(x * heightPx + start, end - start);
      filledTo = end;
    }
  }
  return runs.finish(columns.length * heightPx);
}
