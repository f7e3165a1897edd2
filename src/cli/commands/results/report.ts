import { basename } from "node:path";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { OutputFile } from "../../../results/export/output-file.ts";
import { createReport } from "../../../results/report/report.ts";
import { displayPath, fromCaller } from "../../options/caller-folder.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { Interrupts } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import {
  pathBeside,
  recipeFromCaller,
  refuseToReplace,
  resultsFromCaller,
} from "./choose-results.ts";
import { openInBrowser } from "./open-in-browser.ts";

export interface ReportArguments {
  readonly out?: string;
  readonly recipe?: string;
  readonly open?: boolean;
  readonly quiet?: boolean;
}

/** Does what `orangery report` was asked for; resolves to the exit status. */
export async function report(
  output: StandardOutput,
  results: string,
  options: ReportArguments,
): Promise<number> {
  using progress = new ProgressDisplay({ quiet: options.quiet });
  using interrupts = new Interrupts({ onInterrupt: () => {} });
  const location = resultsFromCaller(results);
  const out = options.out === undefined ? pathBeside(location, ".html") : fromCaller(options.out);
  try {
    await refuseToReplace(location, out);
    await using ledger = await openLedger(location, { readOnly: true });
    const recipe = await recipeFromCaller(ledger, options.recipe);
    progress.setTotals({ total: recipe.done + recipe.setAside, done: 0, setAside: 0 });
    await using file = await OutputFile.create(out);
    const page = await createReport(ledger, {
      recipe,
      file: basename(ledger.location),
      signal: interrupts.stop,
      onPhoto: () => progress.photoDone(),
    });
    await file.write(page);
    await file.finish();
    progress[Symbol.dispose]();
    await output.write(`Report      ${displayPath(out)}\n`);
  } catch (error) {
    if (interrupts.exitStatus !== undefined) return interrupts.exitStatus;
    throw error;
  }
  if (options.open) openInBrowser(out);
  return exitStatus.ok;
}
