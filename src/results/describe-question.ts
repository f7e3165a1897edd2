import type { CountQuestion } from "../ledger/scores/count-question.ts";
import { scorePairs } from "../vision/class-choice.ts";

/** Says in words what counts: `of the classes plant, weed, above 0.5, weed above 0.6`. */
export function describeQuestion({ minScore, classes, classConfidence }: CountQuestion): string {
  return [
    ...(classes === undefined ? [] : [`of the classes ${classes.join(", ")}`]),
    ...(minScore === undefined ? [] : [`above ${minScore}`]),
    ...scorePairs(classConfidence).map(([name, score]) => `${name} above ${score}`),
  ].join(", ");
}
