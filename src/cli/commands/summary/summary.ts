import { formatPlural } from "../../../base/quantities.ts";
import { isOrangeryError } from "../../../errors.ts";
import type { Ledger } from "../../../ledger/ledger.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import type { PhotoSelection } from "../../../ledger/photos/selection.ts";
import { areScoresPacked, packOldScores } from "../../../ledger/results/pack-old-scores.ts";
import type { StoredRecipe } from "../../../ledger/results/stored-results.ts";
import {
  type ChosenTotals,
  type CorrectedPhotos,
  countCorrectedPhotos,
  readChosenCounts,
  readChosenTotals,
} from "../../../ledger/review/counts/corrected-counts.ts";
import type { CountsKind } from "../../../ledger/review/counts/counts-kind.ts";
import type { CountQuestion } from "../../../ledger/scores/count-question.ts";
import { describeQuestion } from "../../../results/describe-question.ts";
import { displayPath } from "../../options/caller-paths.ts";
import {
  type CountsArguments,
  type QuestionArguments,
  readQuestion,
  readSelection,
  resultsFromCaller,
  type SelectionArguments,
} from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible, whileReading } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { type CountsTablePhoto, formatCountsTable } from "../photos/counts-table.ts";
import { recipeFromCaller } from "../results/choose-results.ts";
import { formatGroups, type Grouping, groupsToJson, readGroups } from "./groups.ts";

export interface SummaryArguments extends SelectionArguments, QuestionArguments, CountsArguments {
  readonly json?: boolean;
  readonly by?: Grouping;
}

/** The photos that have a row. */
const shownPhotos = 24;

/** Runs `orangery summary`; resolves to the exit status. */
export async function summary(
  output: StandardOutput,
  results: string,
  options: SummaryArguments,
): Promise<number> {
  return await interruptible(async ({ stop: signal }) => {
    const location = resultsFromCaller(results);
    await using ledger = await openLedger(location, { readOnly: true });
    const selection = readSelection(options);
    const question = readQuestion(options);
    const recipe = await recipeFromCaller(ledger, options.recipe, selection);
    if (question !== undefined) await packScoresOnce(ledger, { location, signal });
    const { counts = "predicted" } = options;
    const asked = { ...selection, recipeHash: recipe.hash, question, counts, signal };
    const totals = await readChosenTotals(ledger, asked);
    const people = totals.people ?? (await countCorrectedPhotos(ledger, asked));
    const { by } = options;
    const groups = by && (await readGroups(ledger, by, asked));
    if (options.json) {
      const json = toJson(recipe, totals, { question, counts, people });
      await output.writeJson(groups ? { ...json, by, groups: groupsToJson(groups) } : json);
      return exitStatus.ok;
    }
    if (by !== undefined && groups !== undefined) {
      const none = "All photos lie in one folder\n";
      await output.write(`${groups.length === 0 ? none : formatGroups(groups, by)}\n`);
    } else if (totals.photos > 0) {
      const maxDetections = mostDetections(recipe);
      const photos = await firstPhotos(ledger, { ...asked, maxDetections });
      const { photos: photoCount } = totals;
      await output.write(`${formatCountsTable({ photos, photoCount, totals, maxDetections })}\n`);
    }
    await output.write(describe(ledger, recipe, { question, counts, people }));
    return exitStatus.ok;
  }, whileReading);
}

/** Packs the scores of an older version's results, where they may be written: the next is quick. */
async function packScoresOnce(
  ledger: Ledger,
  { location, signal }: { readonly location: string; readonly signal: AbortSignal },
): Promise<void> {
  if (await areScoresPacked(ledger, { signal })) return;
  process.stderr.write("Packing the scores of an older version's results, once\n");
  try {
    await using writable = await openLedger(location);
    await packOldScores(writable, { signal });
  } catch (error) {
    // They are read from the objects then.
    if (!isOrangeryError(error) || error.blames !== "ledger") throw error;
  }
}

interface FirstPhotosOptions extends PhotoSelection {
  readonly recipeHash: string;
  readonly question: CountQuestion | undefined;
  readonly counts: CountsKind;
  readonly maxDetections: number;
}

async function firstPhotos(
  ledger: Ledger,
  { maxDetections, ...asked }: FirstPhotosOptions,
): Promise<CountsTablePhoto[]> {
  const { classes, classConfidence } = asked.question ?? {};
  const isOfClasses = classes !== undefined || classConfidence !== undefined;
  const photos: CountsTablePhoto[] = [];
  for await (const { source, recordedCount, ...result } of readChosenCounts(ledger, asked)) {
    // Of a class there may be more among those that better ones of other classes kept out.
    const mayBeCut = isOfClasses && recordedCount >= maxDetections;
    const objectCount = mayBeCut ? maxDetections : result.objectCount;
    photos.push({ source, result: { ...result, objectCount } });
    if (photos.length === shownPhotos) break;
  }
  return photos;
}

function mostDetections({ json }: StoredRecipe): number {
  const { detect } = JSON.parse(json) as { readonly detect?: { readonly maxDetections?: number } };
  return detect?.maxDetections ?? Infinity;
}

interface Asked {
  readonly question: CountQuestion | undefined;
  readonly counts: CountsKind;
  readonly people: CorrectedPhotos;
}

function describeWhose({ counts, people }: Omit<Asked, "question">): string[] {
  const { corrected, reviewed } = people;
  if (counts === "corrected") {
    const photos = `${formatPlural(corrected, "photo")}, ${reviewed} reviewed`;
    return [`Counts      with the corrections of ${photos}`];
  }
  if (corrected === 0) return [];
  return [
    `Counts      as predicted, without the corrections of ${formatPlural(corrected, "photo")}`,
  ];
}

function describe(
  { location }: Ledger,
  { done, failed, left }: StoredRecipe,
  { question, ...whose }: Asked,
): string {
  const others = [
    ...(failed > 0 ? [`${formatPlural(failed, "photo")} failed`] : []),
    ...(left > 0 ? [`${formatPlural(left, "photo")} left`] : []),
  ];
  const lines = [
    ...(question === undefined ? [] : [`Counted     ${describeQuestion(question)}`]),
    ...describeWhose(whose),
    `Results     ${displayPath(location)}`,
    ...(done === 0 ? ["No photo is done"] : []),
    ...(others.length === 0 ? [] : [`Also        ${others.join(", ")}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function toJson(
  { name, hash, failed, left }: StoredRecipe,
  { photos, objectCount, countByName }: ChosenTotals,
  { question, counts, people }: Asked,
): object {
  return {
    type: "summary",
    recipe: { name, hash },
    question,
    countsAre: counts,
    corrected: people.corrected,
    reviewed: people.reviewed,
    photos,
    failed,
    left,
    objects: objectCount,
    counts: Object.fromEntries(countByName),
  };
}
