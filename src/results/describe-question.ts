import type { CountQuestion } from "../ledger/scores/count-question.ts";

/** Says in words what counts: `of the classes plant, weed, above 0.5, weed above 0.6`. */
export function describeQuestion({
  minScore,
  classes,
  classConfidence = [],
}: CountQuestion): string {
  const scores = Array.isArray(classConfidence)
    ? (classConfidence as readonly (readonly [string | number, number])[])
    : Object.entries(classConfidence);
  return [
    ...(classes === undefined ? [] : [`of the classes ${classes.join(", ")}`]),
    ...(minScore === undefined ? [] : [`above ${minScore}`]),
    ...scores.map(([name, score]) => `${name} above ${score}`),
  ].join(", ");
}
