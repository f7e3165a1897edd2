import { Command } from "commander";
import {
  addCountOptions,
  addModelOptions,
  type CountArguments,
  readCountOptions,
} from "../../options/count-options.ts";
import { requireOption } from "../../options/option-values.ts";
import { addNamedQueueOptions } from "../../options/queue-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { RecipePlace } from "./recipe.ts";

const help = `
A recipe is everything that decides a count: models by their contents, and options. Results are
recorded under its hash; its name is for people.

Examples:
  $ orangery recipe make --detect plants.pt --segment beds.pt --slice 640 --out plants.json
  $ orangery run photos/ --recipe plants.json
  $ orangery recipe show plants.json
  $ orangery recipe list --results results.db
  $ orangery recipe list --queue photos
  $ orangery recipe show plants --queue photos --json > plants.json
  $ orangery recipe compare plants.json 3f2a9c1b --results results.db

Exit status:
  0    done
  1    an error
  2    the command line is wrong
  3    the compared recipes differ`;

/** `orangery recipe`: what decides a count. */
export function createRecipeCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("recipe")
    .summary("make, show, compare and list recipes")
    .description("Makes, shows, compares and lists recipes.")
    .addHelpText("after", help);
  command.addCommand(createMakeCommand(output));
  addPlaceOptions(
    command
      .command("show")
      .summary("show a recipe")
      .description("Shows a recipe: of a file, a queue or results.")
      .argument("<recipe>", "a file; with --queue or --results a name or the beginning of a hash"),
  )
    .option("--json", "print it as the JSON of a recipe's file")
    .action(async (recipe: string, options: RecipePlace & { readonly json?: boolean }) => {
      const { showRecipe } = await import("./recipe.ts");
      await showRecipe(output, recipe, options);
    });
  addPlaceOptions(
    command
      .command("compare")
      .summary("compare two recipes")
      .description("Lists where two recipes differ. The exit status is 3 where they do.")
      .argument("<recipe>", "a file, or a name or hash of --queue or --results")
      .argument("<other>", "another"),
  )
    .option("--json", "print one JSON line")
    .action(
      async (recipe: string, other: string, options: RecipePlace & { readonly json?: boolean }) => {
        const { compareRecipes } = await import("./recipe.ts");
        setStatus(await compareRecipes(output, [recipe, other], options));
      },
    );
  addPlaceOptions(
    command
      .command("list")
      .summary("list recipes")
      .description("Lists the recipes of a queue, or of results."),
  )
    .option("--json", "print one JSON line per recipe")
    .action(async (options: RecipePlace & { readonly json?: boolean }) => {
      const { listRecipes } = await import("./recipe.ts");
      await listRecipes(output, options);
    });
  return command;
}

function createMakeCommand(output: StandardOutput): Command {
  const command = new Command("make")
    .summary("make a recipe's file")
    .description("Writes a recipe as JSON, for --recipe. Its models are hashed, not loaded.");
  addCountOptions(addModelOptions(command)).option(
    "--out <file>",
    "where to write it (default: standard output)",
  );
  return command.action(async (options: CountArguments & { readonly out?: string }) => {
    requireOption(command, options, "detect");
    const count = readCountOptions(command, options);
    const { makeRecipe } = await import("./recipe.ts");
    await makeRecipe(output, { count, out: options.out });
  });
}

function addPlaceOptions(command: Command): Command {
  command.option("--results <file>", "results, a file or postgres://…");
  return addNamedQueueOptions(command, "a queue's name");
}
