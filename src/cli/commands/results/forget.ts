import { formatCount, formatPlural } from "../../../base/quantities.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { type ForgottenPhotos, forgetPhotos } from "../../../ledger/photos/forget-photos.ts";
import { displayPath, photoFromCaller } from "../../options/caller-paths.ts";
import { defaultResults, resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import type { StandardOutput } from "../../output/standard-output.ts";

export interface ForgetArguments {
  readonly under?: string;
  readonly dryRun?: boolean;
  readonly results?: string;
}

/** Runs `orangery forget`; resolves to the exit status. */
export async function forget(
  output: StandardOutput,
  places: readonly string[],
  { dryRun = false, results = defaultResults }: ForgetArguments,
): Promise<number> {
  const location = resultsFromCaller(results);
  return await interruptible(async ({ stop: signal }) => {
    // Opened to be read first: results that are not there are not made.
    await using reader = await openLedger(location, { readOnly: true });
    await using writer = dryRun ? undefined : await openLedger(location);
    const forgotten = await forgetPhotos(writer ?? reader, places.map(photoFromCaller), {
      dryRun,
      signal,
    });
    await output.write(dryRun ? describePlan(forgotten) : describe(forgotten));
    return exitStatus.ok;
  });
}

function describe({ photos, results }: ForgottenPhotos): string {
  return `Forgot ${formatPlural(photos, "photo")} and ${formatPlural(results, "result")}\n`;
}

function describePlan({ photos, examples }: ForgottenPhotos): string {
  const others = photos - examples.length;
  const lines = examples.map((source) => `  ${displayPath(source)}\n`);
  if (others > 0) lines.push(`  … ${formatCount(others)} more\n`);
  return `Would forget ${formatPlural(photos, "photo")}:\n${lines.join("")}`;
}
