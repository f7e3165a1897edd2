import type { NewCorrection } from "../../ledger/review/correct-photo.ts";
import { Refusal } from "../server/answers.ts";

/** One request has at most so many; the page sends fewer. */
const most = 500;

/**
 * Takes corrections from a request: of each its own fields and nothing else. What they may be is
 * checked by the ledger, which knows the photo.
 *
 * @throws `Refusal`
 */
export function parseCorrections(value: unknown): NewCorrection[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > most) {
    throw new Refusal(400, `Expected 1 to ${most} corrections.`);
  }
  return value.map(parseCorrection);
}

/** As the page sends them. Which numbers and texts they may be is checked by the ledger. */
interface SentFields {
  readonly id: string;
  readonly kind: NewCorrection["kind"];
  readonly object: string;
  readonly classId: number;
  readonly boxXyxy: readonly [number, number, number, number];
  readonly region: number;
  readonly undoneNumber: number;
}

function parseCorrection(value: unknown): NewCorrection {
  if (typeof value !== "object" || value === null) {
    throw new Refusal(400, "Expected a correction to be an object.");
  }
  const { id, kind, object, classId, boxXyxy, region, undoneNumber } = value as SentFields;
  for (const field of [id, kind, object, classId, region, undoneNumber] as unknown[]) {
    if (typeof field === "object") throw new Refusal(400, "Expected texts and numbers.");
  }
  switch (kind) {
    case "add":
      return { id, kind: "add", classId, boxXyxy };
    case "remove":
      return { id, kind: "remove", object };
    case "move":
      return { id, kind: "move", object, boxXyxy };
    case "reclassify":
      return { id, kind: "reclassify", object, classId };
    case "reject-region":
      return { id, kind: "reject-region", region };
    case "review":
      return { id, kind: "review" };
    case "undo":
      return { id, kind: "undo", undoneNumber };
    default:
      throw new Refusal(400, `Expected a kind of correction, got ${String(kind).slice(0, 40)}.`);
  }
}
