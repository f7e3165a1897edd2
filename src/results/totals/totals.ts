/** What was counted on one photo. */
export interface PhotoCounts {
  readonly objectCount: number;
  readonly countByName: ReadonlyMap<string, number>;
  /** The area that it shows; undefined where its scale is not known. */
  readonly areaM2?: number | undefined;
}

/** The photos of a group, and the objects on them. */
export interface Totals {
  /** Those that are done. */
  readonly photos: number;
  readonly failed: number;
  readonly objects: number;
  readonly countByName: ReadonlyMap<string, number>;
  /** Of the photos whose scale is known; undefined where there is none. */
  readonly measured: MeasuredTotals | undefined;
}

/** The photos of known scale, what they show and what was found there. */
export interface MeasuredTotals {
  readonly photos: number;
  readonly objects: number;
  readonly countByName: ReadonlyMap<string, number>;
  readonly areaM2: number;
}

/** Adds up photos. */
export class TotalsCounter implements Totals {
  photos = 0;
  failed = 0;
  objects = 0;
  readonly countByName = new Map<string, number>();
  measured: MeasuredCounter | undefined;

  add({ objectCount, countByName, areaM2 }: PhotoCounts): void {
    this.photos++;
    this.objects += objectCount;
    addCounts(this.countByName, countByName);
    if (areaM2 === undefined) return;
    this.measured ??= new MeasuredCounter();
    this.measured.add({ photos: 1, objects: objectCount, countByName, areaM2 });
  }

  /** Adds another group. */
  merge({ photos, failed, objects, countByName, measured }: Totals): void {
    this.photos += photos;
    this.failed += failed;
    this.objects += objects;
    addCounts(this.countByName, countByName);
    if (measured === undefined) return;
    this.measured ??= new MeasuredCounter();
    this.measured.add(measured);
  }
}

class MeasuredCounter implements MeasuredTotals {
  photos = 0;
  objects = 0;
  areaM2 = 0;
  readonly countByName = new Map<string, number>();

  add({ photos, objects, countByName, areaM2 }: MeasuredTotals): void {
    this.photos += photos;
    this.objects += objects;
    this.areaM2 += areaM2;
    addCounts(this.countByName, countByName);
  }
}

function addCounts(sums: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count);
}

/** Totals by the name of a group. */
export class TotalsByName {
  readonly #counters = new Map<string, TotalsCounter>();

  of(name: string): TotalsCounter {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = new TotalsCounter();
      this.#counters.set(name, counter);
    }
    return counter;
  }

  get entries(): readonly (readonly [name: string, totals: Totals])[] {
    return [...this.#counters];
  }
}
