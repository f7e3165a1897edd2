import type { Command } from "commander";
import { parseCount } from "./option-values.ts";

/** Adds the option that limits the size of photos. */
export function addMaxPixelsOption(command: Command): Command {
  return command.option(
    "--max-pixels <n>",
    "refuse photos of more pixels (default: 268 million)",
    parseCount,
  );
}

/** Adds the option that allows photos by URL from one's own network. */
export function addPrivateAddressesOption(command: Command): Command {
  return command.option(
    "--allow-private-addresses",
    "take photos by URL from your own machine and network, too",
  );
}

/** Adds the option that draws pictures. */
export function addAnnotateOption(command: Command): Command {
  return command.option("--annotate <folder>", "draw what was found on copies of the photos");
}
