import { printable } from "../../../base/printable.ts";
import { formatCount } from "../../../base/quantities.ts";
import { readActions } from "../../../ledger/actions/action-log.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { shortHashLength } from "../../../results/choose-recipe.ts";
import { defaultResults, resultsFromCaller } from "../../options/results-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatTable } from "../../output/table.ts";

export interface ActionsArguments {
  readonly results?: string;
  /** 0 for all. */
  readonly limit: number;
  readonly json?: boolean;
}

/** Runs `orangery photos actions`. */
export async function listActions(
  output: StandardOutput,
  { results = defaultResults, limit, json }: ActionsArguments,
): Promise<void> {
  await using ledger = await openLedger(resultsFromCaller(results), { readOnly: true });
  const actions = await readActions(ledger, { limit: limit === 0 ? 1e9 : limit });
  if (json) {
    for (const action of actions) await output.writeJson(action);
    return;
  }
  if (actions.length === 0) return await output.write("Nobody has done anything yet\n");
  const table = formatTable(
    [
      { title: "When" },
      { title: "Who" },
      { title: "What" },
      { title: "Number", align: "right" },
      { title: "Recipe" },
      { title: "Which" },
    ],
    actions.map(({ beganAt, endedAt, kind, person, recipeHash, filter, number }) => [
      beganAt,
      printable(person),
      endedAt === undefined ? `${kind} (not ended)` : kind,
      formatCount(number),
      recipeHash?.slice(0, shortHashLength) ?? "-",
      printable(
        Object.entries(filter)
          .map(([name, value]) => `${name}=${value}`)
          .join(" "),
      ),
    ]),
  );
  await output.write(table);
}
