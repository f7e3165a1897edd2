import { Argument, Command } from "commander";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { CacheAction } from "./cache.ts";

const help = `
Models are saved on first use in a form that loads faster. ORANGERY_CACHE names the folder, and
ORANGERY_CACHE_MAX_BYTES limits the size of saved models (default: 4 GiB, 0 for none); the least
recently used are removed first. Cleared models are saved again when needed.
${plainExitStatusHelp}`;

/** `orangery cache`: models saved for quicker loads. */
export function createCacheCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  return new Command("cache")
    .summary("list or clear models saved for quicker loads")
    .description("Lists or clears the models in the cache folder.")
    .addArgument(new Argument("<action>", "what to do").choices(["list", "clear"]))
    .option("--json", "print JSON")
    .addHelpText("after", help)
    .action(async (action: CacheAction, options: { readonly json?: boolean }) => {
      const { cache } = await import("./cache.ts");
      setStatus(await cache(output, action, options));
    });
}
