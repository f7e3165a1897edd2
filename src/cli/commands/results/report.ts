import { basename } from "node:path";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { OutputFile } from "../../../results/export/output-file.ts";
import { createReport } from "../../../results/report/report.ts";
import { displayPath, fromCaller } from "../../options/caller-paths.ts";
import { readScale, type ScaleArguments } from "../../options/export/scale-options.ts";
import {
  type CountsArguments,
  pathBeside,
  type QuestionArguments,
  readQuestion,
  readSelection,
  resultsFromCaller,
  type SelectionArguments,
} from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible, whileReading } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { recipeFromCaller, refuseToReplace } from "./choose-results.ts";
import { openInBrowser } from "./open-in-browser.ts";

export interface ReportArguments
  extends SelectionArguments,
    QuestionArguments,
    CountsArguments,
    ScaleArguments {
  readonly out?: string;
  readonly open?: boolean;
  readonly quiet?: boolean;
}

/** Runs `orangery report`; resolves to the exit status. */
export async function report(
  output: StandardOutput,
  results: string,
  options: ReportArguments,
): Promise<number> {
  using progress = new ProgressDisplay({ quiet: options.quiet });
  const location = resultsFromCaller(results);
  const out = options.out === undefined ? pathBeside(location, ".html") : fromCaller(options.out);
  return await interruptible(async ({ stop: signal }) => {
    await refuseToReplace(location, out);
    await using ledger = await openLedger(location, { readOnly: true });
    const selection = readSelection(options);
    const recipe = await recipeFromCaller(ledger, options.recipe, selection);
    progress.setTotals({ total: recipe.done + recipe.failed, done: 0, failed: 0 });
    await using file = await OutputFile.create(out);
    const scale = await readScale(options);
    const page = await createReport(ledger, {
      ...selection,
      question: readQuestion(options),
      counts: options.counts,
      scaleOf: scale?.scaleOf,
      recipe,
      file: basename(ledger.location),
      signal,
      onPhoto: () => progress.photoDone(),
    });
    await file.write(page);
    await file.finish();
    progress[Symbol.dispose]();
    process.stderr.write(scale?.describeMissing() ?? "");
    await output.write(`Report      ${displayPath(out)}\n`);
    if (options.open) openInBrowser(out);
    return exitStatus.ok;
  }, whileReading);
}
