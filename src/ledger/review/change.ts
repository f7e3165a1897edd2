import { checkOptions, wholeNumberFrom } from "../../base/check-options.ts";
import { OrangeryError } from "../../errors.ts";

/**
 * What a person changes of a photo's result. Objects are named by their id in the review: `p0` is
 * the first of the result, `c3` the one that correction 3 added. Boxes are in px of the photo.
 */
export type Change =
  | {
      readonly kind: "add";
      readonly classId: number;
      readonly boxXyxy: readonly [number, number, number, number];
    }
  | { readonly kind: "remove"; readonly object: string }
  | {
      readonly kind: "move";
      readonly object: string;
      readonly boxXyxy: readonly [number, number, number, number];
    }
  | { readonly kind: "reclassify"; readonly object: string; readonly classId: number }
  /** The region is none: it and what lies in it do not count. */
  | { readonly kind: "reject-region"; readonly region: number }
  /** All of the photo is right now, also without any change. */
  | { readonly kind: "review" }
  /** Undoes that correction; undoing an undo redoes it. */
  | { readonly kind: "undo"; readonly undoneNumber: number };

/** A change as it was recorded. */
export type Correction = Change & {
  /** A UUID. */
  readonly id: string;
  /** 1…n of the photo's result, in the order in which they were made. */
  readonly number: number;
  readonly madeBy: string;
  /** ISO 8601, UTC. */
  readonly madeAt: string;
};

/** A person, as others see them. */
export function checkReviewer(by: string): void {
  checkOptions(
    { by },
    {
      expected: "a name of 1 to 100 letters",
      holds: (value) => typeof value === "string" && isName(value),
    },
  );
}

function isName(text: string): boolean {
  return text.trim() !== "" && text.length <= 100 && !/\p{Cc}/u.test(text);
}

/** What a change of the photo may refer to. */
export interface Changeable {
  readonly widthPx: number;
  readonly heightPx: number;
  /** Class names by class id. */
  readonly names: readonly string[];
  /** Ids of objects that are there and not removed. */
  readonly objectIds: ReadonlySet<string>;
  readonly regionNumbers: ReadonlySet<number>;
  /** Numbers of corrections that are in effect. */
  readonly inEffect: ReadonlySet<number>;
}

/** @throws `INVALID_ARGUMENT` for a change that cannot be made on the photo */
export function checkChange(change: Change, photo: Changeable): void {
  switch (change.kind) {
    case "add":
      checkClass(change.classId, photo.names);
      checkBox(change.boxXyxy, photo);
      return;
    case "remove":
      checkObject(change.object, photo.objectIds);
      return;
    case "move":
      checkObject(change.object, photo.objectIds);
      checkBox(change.boxXyxy, photo);
      return;
    case "reclassify":
      checkObject(change.object, photo.objectIds);
      checkClass(change.classId, photo.names);
      return;
    case "reject-region":
      if (photo.regionNumbers.has(change.region)) return;
      throw invalid("the number of a region that is not rejected", change.region);
    case "review":
      return;
    case "undo":
      checkOptions({ undoneNumber: change.undoneNumber }, wholeNumberFrom(1));
      if (photo.inEffect.has(change.undoneNumber)) return;
      throw invalid("the number of a correction that is in effect", change.undoneNumber);
    default:
      throw invalid("a change", (change as { kind?: unknown }).kind);
  }
}

function checkObject(object: string, ids: ReadonlySet<string>): void {
  if (!ids.has(object)) throw invalid("the id of an object that is on the photo", object);
}

function checkClass(classId: number, names: readonly string[]): void {
  if (Number.isInteger(classId) && names[classId] !== undefined) return;
  throw invalid(`the id of a class of the model, 0 to ${names.length - 1}`, classId);
}

function checkBox(
  boxXyxy: readonly [number, number, number, number],
  { widthPx, heightPx }: Changeable,
): void {
  const isBox = Array.isArray(boxXyxy) && boxXyxy.length === 4 && boxXyxy.every(Number.isFinite);
  if (isBox) {
    const [left, top, right, bottom] = boxXyxy;
    // Boxes are kept to 0.01 px.
    const isWide = right - left >= 0.01 && bottom - top >= 0.01;
    if (isWide && left >= 0 && top >= 0 && right <= widthPx && bottom <= heightPx) return;
  }
  throw invalid(
    `a box [left, top, right, bottom] on the photo of ${widthPx}×${heightPx} px`,
    JSON.stringify(boxXyxy),
  );
}

function invalid(expected: string, value: unknown): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected ${expected}, got ${String(value)}. Nothing of the correction was recorded.`,
    { details: { expected, value } },
  );
}
