import type { CountedScores } from "./count-question.ts";

/** A score this near to the threshold of its class is doubtful. */
export const doubtfulWithin = 0.1;

/** Returns how far a score is from the threshold of its class; ∞ for a class that is left out. */
export function doubtOf(counted: CountedScores, classId: number, score: number): number {
  return Math.abs(score - counted.scoreOf(classId));
}
