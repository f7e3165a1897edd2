import type { Command } from "commander";
import type { WatchOptions } from "../../../pipeline/photos/watch/watch-options.ts";
import { expected, parseDecimal, refuseWithout } from "../../options/option-values.ts";

/** Options of watching, as commander parses them. */
export interface WatchArguments {
  readonly watch?: boolean;
  readonly settle?: number;
  readonly watchEvery?: number;
}

/** Adds the options of watching; {@link readWatch} checks them. */
export function addWatchOptions(command: Command): Command {
  return command
    .option("--watch", "keep running: count photos as they arrive, until Ctrl-C")
    .option(
      "--settle <seconds>",
      "with --watch: a photo is whole when unchanged for this long (default: 2)",
      parseSeconds,
    )
    .option(
      "--watch-every <seconds>",
      "with --watch: shortest time between two listings of the folders (default: 5)",
      parseSeconds,
    );
}

/** Reads how to watch; undefined without `--watch`. */
export function readWatch(command: Command, options: WatchArguments): WatchOptions | undefined {
  const { watch, settle, watchEvery } = options;
  if (watch) return { settleMs: toMs(settle), everyMs: toMs(watchEvery) };
  refuseWithout(command, "watch", ["settle", "watchEvery"] satisfies (keyof WatchArguments)[]);
  return undefined;
}

function toMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : 1000 * seconds;
}

function parseSeconds(text: string): number {
  const seconds = parseDecimal(text);
  if (seconds >= 0) return seconds;
  throw expected("seconds from 0 up", text);
}
