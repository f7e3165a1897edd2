import type { Capture } from "../../vision/photo/capture/capture.ts";
import { compareNaturally } from "../natural-order.ts";
import { type PhotoCounts, type Totals, TotalsByName } from "./totals.ts";

/** The totals of a day, a camera, or another group of photos. */
export interface NamedTotals {
  readonly name: string;
  readonly totals: Totals;
}

/** Adds up what was found by the hour in which photos were taken, and by camera. */
export class CaptureCounter {
  readonly #hours = new TotalsByName();
  readonly #cameras = new TotalsByName();

  add(capture: Capture, counts: PhotoCounts): void {
    this.#hours.of(hourOf(capture)).add(counts);
    this.#cameras.of(cameraOf(capture)).add(counts);
  }

  addFailure(capture: Capture): void {
    this.#hours.of(hourOf(capture)).failed++;
    this.#cameras.of(cameraOf(capture)).failed++;
  }

  /** Lists hours by the camera's clock, `2026-05-12T06`, in order; the name "" is not known. */
  get hours(): readonly NamedTotals[] {
    return sorted(this.#hours);
  }

  /** Lists days by the camera's clock, `2026-05-12`, in order; the name "" is not known. */
  get days(): readonly NamedTotals[] {
    return this.#periods("2026-05-12".length);
  }

  /** Lists days, or months or years where there are more than `limit`. */
  periods(limit: number): readonly NamedTotals[] {
    const [days, months] = [this.days, this.#periods("2026-05".length)];
    if (days.length <= limit) return days;
    return months.length <= limit ? months : this.#periods("2026".length);
  }

  /** Lists cameras by maker and model, with their serial numbers; the name "" is not known. */
  get cameras(): readonly NamedTotals[] {
    return sorted(this.#cameras);
  }

  #periods(letters: number): readonly NamedTotals[] {
    const periods = new TotalsByName();
    for (const [hour, totals] of this.#hours.entries) {
      periods.of(hour.slice(0, letters)).merge(totals);
    }
    return sorted(periods);
  }
}

function hourOf({ takenAt = "" }: Capture): string {
  return takenAt.slice(0, "2026-05-12T06".length);
}

function cameraOf({ camera, cameraId }: Capture): string {
  return [camera, cameraId].filter((part) => part !== undefined).join(" · ");
}

/** What is not known comes last. */
function sorted(groups: TotalsByName): readonly NamedTotals[] {
  const list = groups.entries.map(([name, totals]) => ({ name, totals }));
  return list.sort((a, b) => {
    if (a.name === "" || b.name === "") return a.name === "" ? 1 : -1;
    return compareNaturally(a.name, b.name);
  });
}
