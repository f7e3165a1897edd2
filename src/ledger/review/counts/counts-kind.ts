import { OrangeryError } from "../../../errors.ts";
import type { CountQuestion } from "../../scores/count-question.ts";

/** Whose counts are meant: the model's, or with the corrections that people made. */
export type CountsKind = "predicted" | "corrected";

/** @throws `INVALID_ARGUMENT` where corrected counts are asked for with another threshold */
export function refuseQuestion(question: CountQuestion | undefined): void {
  if (question === undefined) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected corrected counts as the recipe counts, since people corrected what it counts, got " +
      "another threshold or a choice of classes. Leave one of the two out.",
    { details: { question } },
  );
}
