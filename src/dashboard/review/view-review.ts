import type { Correction } from "../../ledger/review/change.ts";
import type { PhotoReview } from "../../ledger/review/read-review.ts";

/** What a person made of an object or a region, as the page shows it. */
interface ReviewedThing {
  /** `p0` is the first object of the result, `r1` a region, `a` with a UUID what was added. */
  readonly key: string;
  readonly kind: "object" | "added" | "region";
  /** The object's id in the ledger's review; undefined for regions. */
  readonly object?: string;
  readonly value: {
    readonly classId?: number;
    readonly boxXyxy?: readonly number[];
    readonly isRemoved: boolean;
  };
  /** The numbers of the corrections in effect that an undo would name. */
  readonly undo: {
    readonly remove?: readonly number[];
    readonly move?: readonly number[];
    readonly reject?: readonly number[];
  };
  /** Who changed it last, and when. */
  readonly by: string;
  readonly at: string;
}

/** People's changes to a photo. Only what they touched, since the page already has the rest. */
export function viewReview(review: PhotoReview): object {
  const { resultId, version, corrections, inEffect, reviewed, counts } = review;
  const undoReview = corrections.filter(
    ({ kind, number }) => kind === "review" && inEffect.has(number),
  );
  return {
    resultId,
    version,
    reviewed,
    undoReview: undoReview.map(({ number }) => number),
    counts: counts.filter(({ region }) => region === 0),
    things: [...touchedObjects(review), ...touchedRegions(review)],
    people: Array.from(
      Map.groupBy(corrections, ({ madeBy }) => madeBy),
      ([by, made]) => ({ by, corrections: made.length, lastAt: made.at(-1)!.madeAt }),
    ),
  };
}

function* touchedObjects(review: PhotoReview): Generator<ReviewedThing> {
  const { objects, corrections } = review;
  const numberOf = (id: string) => (id.startsWith("c") ? Number(id.slice(1)) : undefined);
  const byObject = Map.groupBy(corrections, (correction) => targetOf(correction, corrections));
  for (const { id, classId, boxXyxy, isRemoved, predicted } of objects) {
    const touches = byObject.get(id);
    if (touches === undefined) continue;
    const added = corrections.find(({ number }) => number === numberOf(id));
    yield {
      key: added === undefined ? id : `a${added.id}`,
      kind: predicted === undefined ? "added" : "object",
      object: id,
      value: { classId, boxXyxy: [...boxXyxy], isRemoved },
      undo: {
        remove: numbersInEffect(review, touches, "remove"),
        move: numbersInEffect(review, touches, "move"),
      },
      ...lastOf(touches),
    };
  }
}

function* touchedRegions(review: PhotoReview): Generator<ReviewedThing> {
  const { corrections, rejectedRegions } = review;
  const byRegion = Map.groupBy(corrections, (correction) => targetOf(correction, corrections));
  for (const [target, touches] of byRegion) {
    if (!target.startsWith("r")) continue;
    yield {
      key: target,
      kind: "region",
      value: { isRemoved: rejectedRegions.has(Number(target.slice(1))) },
      undo: { reject: numbersInEffect(review, touches, "reject-region") },
      ...lastOf(touches),
    };
  }
}

/** What a correction is about: an object's id, `r1` for a region, "" for the whole photo. */
function targetOf(correction: Correction, all: readonly Correction[]): string {
  switch (correction.kind) {
    case "add":
      return `c${correction.number}`;
    case "reject-region":
      return `r${correction.region}`;
    case "review":
      return "";
    case "undo": {
      const undone = all.find(({ number }) => number === correction.undoneNumber);
      return undone === undefined ? "" : targetOf(undone, all);
    }
    default:
      return correction.object;
  }
}

function numbersInEffect(
  { inEffect }: PhotoReview,
  touches: readonly Correction[],
  kind: Correction["kind"],
): number[] {
  return touches
    .filter((touch) => touch.kind === kind && inEffect.has(touch.number))
    .map(({ number }) => number);
}

function lastOf(touches: readonly Correction[]) {
  const { madeBy, madeAt } = touches.at(-1)!;
  return { by: madeBy, at: madeAt };
}
