import type { Ledger } from "../../../ledger/ledger.ts";
import { type ReadResultsOptions, readResults } from "../../../ledger/results/stored-results.ts";
import { countNames, Truth } from "./truth.ts";

/** Reads what another recipe, or other results, have of photos. They are held in memory. */
export async function readTruthResults(
  ledger: Ledger,
  options: ReadResultsOptions,
): Promise<Truth> {
  const truth = new Truth({ hasClasses: true, hasBoxes: true });
  for await (const { source, contentSha256, objects, ...result } of readResults(ledger, options)) {
    const classNames = Array.from(objects.classIds, (classId) => objects.nameOf(classId));
    truth.add(
      source,
      {
        countByName: countNames(classNames),
        boxes: {
          classNames,
          boxesXyxy: objects.boxesXyxy,
          areShares: false,
          sizeWh: [result.widthPx, result.heightPx],
        },
      },
      contentSha256,
    );
  }
  return truth;
}
