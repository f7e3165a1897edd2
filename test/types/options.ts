/** What the compiler knows of errors and of results; as in `model-task.ts`, nothing here runs. */
import { type ErrorCode, isOrangeryError, type Prediction } from "orangery";
import { PhotoJob, readResults, type StoredResult } from "orangery/run";
import type { Equal } from "./equal.ts";

declare const error: unknown;
if (isOrangeryError(error)) error.code satisfies ErrorCode;
if (isOrangeryError(error, "PHOTO_UNREADABLE")) error.code satisfies ErrorCode;
// @ts-expect-error there is no such code
isOrangeryError(error, "PHOTO_IS_UGLY");

declare const prediction: Prediction;
for (const { boxXyxy } of prediction.detections) boxXyxy satisfies ArrayLike<number>;

declare const ledger: Parameters<typeof readResults>[0];
for await (const stored of readResults(ledger)) {
  const isResult: Equal<typeof stored, StoredResult> = true;
  stored.counts.map(({ count }) => count * Number(isResult)) satisfies number[];
}

// @ts-expect-error a job needs a model that detects
void PhotoJob.open({ paths: ["photos"], resultsFile: "results.db" });
