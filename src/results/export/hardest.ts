import type { Ledger } from "../../ledger/ledger.ts";
import type { PhotoSelection } from "../../ledger/photos/selection.ts";
import { readCountedScores, readScores } from "../../ledger/results/read-counts.ts";
import type { CountQuestion } from "../../ledger/scores/count-question.ts";
import { doubtfulWithin, doubtOf } from "../../ledger/scores/doubt.ts";
import { Extremes } from "../report/data/extremes.ts";

export interface HardestOptions extends PhotoSelection {
  readonly recipeHash: string;
  readonly question?: CountQuestion | undefined;
  /** The most photos that are chosen. */
  readonly limit: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Chooses the photos that teach most when they are labelled: those with the most objects that score
 * within 0.1 of the threshold of their class, counted or not. Photos without such objects are not
 * chosen, and copies of a photo once.
 *
 * @returns Their sources.
 */
export async function chooseHardest(
  ledger: Ledger,
  { limit, question, ...options }: HardestOptions,
): Promise<ReadonlySet<string>> {
  const { recipeHash, signal } = options;
  const counted = (await readCountedScores(ledger, { question, recipeHash, signal })).get(
    recipeHash,
  );
  const hardest = new Extremes<{ source: string; doubtful: number }>(limit, ({ doubtful }) =>
    doubtful === 0 ? Infinity : -doubtful,
  );
  const isDoubtful = (classId: number) => (score: number) =>
    doubtOf(counted!, classId, score) <= doubtfulWithin;
  for await (const { source, groups, duplicateOf } of readScores(ledger, options)) {
    if (duplicateOf !== undefined) continue;
    let doubtful = 0;
    for (const { classId, scores } of groups) {
      doubtful += scores.filter(isDoubtful(classId)).length;
    }
    hardest.add({ source, doubtful });
  }
  return new Set(hardest.items.map(({ source }) => source));
}
