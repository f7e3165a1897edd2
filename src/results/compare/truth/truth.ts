import { OrangeryError } from "../../../errors.ts";
import { NamesByEnd } from "../../../pipeline/photos/names-by-end.ts";

/** The name of the class in a truth that knows no classes: what is counted of all together. */
export const allClasses = "all classes";

/** Where objects are, truly. */
export interface TrueBoxes {
  /** The name of each one's class. */
  readonly classNames: readonly string[];
  readonly boxesXyxy: Float32Array;
  /** Whether the boxes are shares of the photo's width and height instead of px. */
  readonly areShares: boolean;
  /** Of the photo that they were drawn on; undefined where it is not known. */
  readonly sizeWh?: readonly [number, number] | undefined;
}

/** What is truly on a photo. */
export interface TruePhoto {
  /** By the name of the class. */
  readonly countByName: ReadonlyMap<string, number>;
  /** Undefined where only the numbers are known. */
  readonly boxes?: TrueBoxes | undefined;
}

/** A photo as results name it. */
export interface ComparedPhoto {
  readonly source: string;
  readonly contentSha256: string;
}

/** The true contents of photos, to compare results with. */
export class Truth {
  /** Whether objects are known by class. */
  readonly hasClasses: boolean;
  /** Whether it is known where objects are. */
  readonly hasBoxes: boolean;
  readonly #photos = new NamesByEnd<TruePhoto>();
  readonly #byContent = new Map<string, string>();
  /** Which photo of the results each photo of the truth was found for. */
  readonly #found = new Map<string, string>();

  constructor({ hasClasses, hasBoxes }: Pick<Truth, "hasClasses" | "hasBoxes">) {
    this.hasClasses = hasClasses;
    this.hasBoxes = hasBoxes;
  }

  /** Adds a photo. @throws `TRUTH_INVALID` for one that is there */
  add(name: string, photo: TruePhoto, contentSha256?: string): void {
    if (!this.#photos.add(name, photo)) throw invalidTruth(`each photo once, got ${name} again`);
    if (contentSha256 !== undefined) this.#byContent.set(contentSha256, name);
  }

  /** The number of photos. */
  get photoCount(): number {
    return this.#photos.size;
  }

  /** The number of photos that no result was found for so far. */
  get unmatchedCount(): number {
    return this.photoCount - this.#found.size;
  }

  /**
   * Finds what is truly on a photo: by its name or the end of it, with or without its extension, or
   * by its contents where they are known. Undefined for a photo that the truth does not have.
   *
   * @throws `TRUTH_INVALID` for a name that two photos have
   */
  find({ source, contentSha256 }: ComparedPhoto): TruePhoto | undefined {
    const sameContents = this.#byContent.get(contentSha256);
    const found =
      this.#photos.find(source) ??
      this.#photos.find(source.replace(/\.[^./\\]*$/, "")) ??
      (sameContents === undefined ? undefined : this.#photos.find(sameContents));
    if (found === undefined) return undefined;
    const { name, value } = found;
    const other = this.#found.get(name);
    if (other !== undefined && other !== source && this.#byContent.size === 0) {
      throw invalidTruth(
        `a photo for each name, but ${name} is ${other} and ${source}. ` +
          "Name the folders as well",
      );
    }
    this.#found.set(name, source);
    return value;
  }
}

/** Makes the error for a truth that results cannot be compared with. */
export function invalidTruth(expected: string, cause?: unknown): OrangeryError {
  return new OrangeryError("TRUTH_INVALID", `Expected ${expected}.`, { cause });
}

/** Counts the names. */
export function countNames(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
