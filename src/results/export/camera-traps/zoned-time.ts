import { OrangeryError } from "../../../errors.ts";

/** Adds a zone to times by a camera's clock that have none. */
export class ZonedTime {
  readonly #offset: string | undefined;
  readonly #format: Intl.DateTimeFormat | undefined;

  /**
   * @param zone `+02:00`, `Z`, or a name such as `Europe/Berlin`. Default: none is known.
   * @throws `INVALID_ARGUMENT`
   */
  constructor(zone?: string | undefined) {
    if (zone === undefined) return;
    if (/^(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/.test(zone)) {
      this.#offset = zone;
      return;
    }
    try {
      this.#format = new Intl.DateTimeFormat("en", { timeZone: zone, timeZoneName: "longOffset" });
    } catch (cause) {
      throw new OrangeryError(
        "INVALID_ARGUMENT",
        `Expected a time zone such as +02:00 or Europe/Berlin, got "${zone}".`,
        { cause },
      );
    }
  }

  /** Returns the time with a zone; undefined where none is known. */
  of(takenAt: string): string | undefined {
    if (takenAt.length > "2026-05-12T06:30:00".length) return takenAt;
    const offset = this.#offset ?? this.#offsetAt(takenAt);
    return offset && takenAt + offset;
  }

  #offsetAt(takenAt: string): string | undefined {
    if (this.#format === undefined) return undefined;
    // The zone at that moment is that at the same numbers in UTC, but around a change of clocks:
    // there it is looked up once more.
    const first = this.#offsetOf(Date.parse(`${takenAt}Z`));
    return this.#offsetOf(Date.parse(takenAt + first));
  }

  #offsetOf(ms: number): string {
    const parts = this.#format!.formatToParts(ms);
    const name = parts.find(({ type }) => type === "timeZoneName")?.value ?? "";
    return /[+-]\d\d:\d\d/.exec(name)?.[0] ?? "+00:00";
  }
}
