import { checkOptions, oneOf } from "../../../base/check-options.ts";
import { OrangeryError } from "../../../errors.ts";
import type { CountQuestion } from "../../scores/count-question.ts";

/** Whose counts are meant: the model's, or with the corrections that people made. */
export type CountsKind = "predicted" | "corrected";

/**
 * Whether the counts with the corrections of people are asked for.
 *
 * @throws `INVALID_ARGUMENT` also where they are asked for with another threshold
 */
export function asksForCorrected(
  counts: CountsKind = "predicted",
  question?: CountQuestion | undefined,
): boolean {
  checkOptions({ counts }, oneOf("predicted", "corrected"));
  if (counts === "predicted") return false;
  if (question === undefined) return true;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected corrected counts as the recipe counts, since people corrected what it counts, got " +
      "another threshold or a choice of classes. Leave one of the two out.",
    { details: { question } },
  );
}
