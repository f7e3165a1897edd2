import { Detections } from "../../../vision/detections.ts";
import { Mask } from "../../../vision/masks/mask.ts";
import { drawnScore } from "../../../vision/region.ts";
import { inBatches } from "../../in-batches.ts";
import type { Ledger } from "../../ledger.ts";
import {
  type ReadResultsOptions,
  readResults,
  type StoredResult,
} from "../../results/stored-results.ts";
import { type AppliedCorrections, applyCorrections, renumberCounts } from "../apply-corrections.ts";
import { readManyCorrections } from "../correction-rows.ts";
import { asksForCorrected, type CountsKind } from "./counts-kind.ts";

export interface ReadChosenResultsOptions extends ReadResultsOptions {
  /** As the model found them, or as people left them. Default predicted. */
  readonly counts?: CountsKind | undefined;
}

const resultsAtOnce = 100;

/**
 * Reads results as {@link readResults} does, of photos that people corrected as they left them:
 * objects that a person added score 1, as regions that a person drew do; of a model that segments,
 * their masks are their boxes. Regions that a person rejected are left out, and the others numbered
 * anew.
 *
 * @throws `INVALID_ARGUMENT` for corrected counts at another threshold than the recipe's
 */
export async function* readChosenResults(
  ledger: Ledger,
  { counts, ...options }: ReadChosenResultsOptions = {},
): AsyncGenerator<StoredResult> {
  if (!asksForCorrected(counts, options.question)) {
    yield* readResults(ledger, options);
    return;
  }
  for await (const results of inBatches(readResults(ledger, options), resultsAtOnce)) {
    const ids = [...new Set(results.map(({ id }) => id))];
    const corrections = await ledger.read((db) => readManyCorrections(db, ids), options);
    for (const result of results) {
      const ofResult = corrections.get(result.id);
      yield ofResult === undefined
        ? result
        : correctResult(result, applyCorrections(result, ofResult));
    }
  }
}

function correctResult(
  result: StoredResult,
  { objects: reviewed, rejectedRegions, counts }: AppliedCorrections,
): StoredResult {
  const counted = reviewed
    .filter(({ isCounted }) => isCounted)
    .map((object) => ({ ...object, score: object.score ?? drawnScore }))
    .sort((a, b) => b.score - a.score);
  const regions = result.regions?.filter(({ number }) => !rejectedRegions.has(number));
  const numbers = new Map(regions?.map(({ number }, i) => [number, i + 1]));
  const { names, masks } = result.objects;
  return {
    ...result,
    objects: new Detections({
      names,
      classIds: Int32Array.from(counted, ({ classId }) => classId),
      scores: Float32Array.from(counted, ({ score }) => score),
      boxesXyxy: Float32Array.from(counted.flatMap(({ boxXyxy }) => boxXyxy)),
      masks: masks && counted.map(({ mask, boxXyxy }) => mask ?? maskOf(boxXyxy, result)),
    }),
    objectRegions:
      result.objectRegions &&
      Int32Array.from(counted, ({ region = 0 }) => numbers.get(region) ?? 0),
    regions: regions?.map((region, i) => ({ ...region, number: i + 1 })),
    counts: renumberCounts(counts, numbers),
  };
}

/** The pixels of a box. */
function maskOf(
  [left, top, right, bottom]: readonly [number, number, number, number],
  { widthPx, heightPx }: Pick<StoredResult, "widthPx" | "heightPx">,
): Mask {
  const [x1, y1] = [Math.floor(left), Math.floor(top)];
  const [x2, y2] = [Math.max(x1 + 1, Math.round(right)), Math.max(y1 + 1, Math.round(bottom))];
  const outline = [
    [x1, y1],
    [x2 - 1, y1],
    [x2 - 1, y2 - 1],
    [x1, y2 - 1],
  ] as const;
  return Mask.fromPolygon(
    outline.map(([x, y]) => [x, y]),
    [widthPx, heightPx],
  );
}
