import { setPaused } from "../../../ledger/actions/pause-recipe.ts";
import { shortHashLength } from "../../../results/choose-recipe.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { openResultsToManage, type ResultsArguments } from "./open-results.ts";
import { callerActor } from "./person-option.ts";

export interface PauseRunArguments extends ResultsArguments {
  readonly by?: string;
  readonly json?: boolean;
}

/** Runs `orangery photos pause` and `resume`. */
export async function pauseRun(
  output: StandardOutput,
  options: PauseRunArguments & { readonly isPaused: boolean },
): Promise<void> {
  const { isPaused, by, json } = options;
  await using results = await openResultsToManage(options, { readOnly: false });
  const { ledger, recipe } = results;
  const hasChanged = await setPaused(ledger, recipe, { actor: callerActor(by), isPaused });
  if (json) {
    await output.writeJson({ isPaused, hasChanged, recipe: recipe.hash });
    return;
  }
  const verb = isPaused ? "paused" : "going on";
  const name = [recipe.name, recipe.hash.slice(0, shortHashLength)].filter(Boolean).join(" ");
  await output.write(`The recipe ${name} ${hasChanged ? "is" : "was already"} ${verb}\n`);
}
