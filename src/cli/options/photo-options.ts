import { type Command, Option } from "commander";
import type { DecodeMode } from "../../vision/photo/reduced-picture.ts";
import { collect, parseCount } from "./option-values.ts";

/** Adds the option that limits the size of photos. */
export function addMaxPixelsOption(command: Command): Command {
  return command.option(
    "--max-pixels <n>",
    "refuse photos of more pixels (default: 268 million)",
    parseCount,
  );
}

/** How photos are decoded, as commander parses it. */
export interface DecodeArguments {
  readonly decode?: DecodeMode;
}

/** Adds the option of how photos are decoded. */
export function addDecodeOption(command: Command): Command {
  return command.addOption(
    new Option(
      "--decode <how>",
      "exact, or fast: JPEGs much larger than the network sees them at a fraction of their size, " +
        "which changes counts; not with --slice (default: exact)",
    ).choices(["exact", "fast"]),
  );
}

/** Reads how photos are decoded, and refuses what slices cannot be. */
export function readDecode(
  command: Command,
  { decode, slice }: DecodeArguments & { readonly slice?: unknown },
): DecodeMode | undefined {
  if (decode === "fast" && slice !== undefined) {
    command.error(
      "error: '--decode fast' and '--slice' exclude each other: slices need all pixels",
    );
  }
  return decode;
}

/** Adds the option that allows photos by URL from one's own network. */
export function addPrivateAddressesOption(command: Command): Command {
  return command.option(
    "--allow-private-addresses",
    "take photos by URL from your own machine and network, too",
  );
}

/** Adds the option that leaves out where photos were taken. */
export function addLocationOption(command: Command): Command {
  return command.option("--no-location", "do not record where photos were taken");
}

/** Which files are photos, as commander parses it. */
export interface PhotoFilterArguments {
  readonly fromFile?: string;
  readonly exclude?: string[];
  readonly include?: string[];
}

/** Which photos to take, as commander parses it. */
export interface PhotoArguments extends PhotoFilterArguments {
  readonly allowEmpty?: boolean;
}

/** Adds the argument and the options that name photos. {@link requirePhotos} checks them. */
export function addPhotoArguments(command: Command): Command {
  command.argument(
    "[photo...]",
    "photos, folders with all folders below them, s3://bucket/folder/, https://…",
  );
  return addPhotoFilterOptions(command).option(
    "--allow-empty",
    "end with status 0 where a folder has no photos",
  );
}

/** Adds the options that name a list of photos and choose files. */
export function addPhotoFilterOptions(command: Command): Command {
  return command
    .option(
      "--from-file <list>",
      "also the photos of a list, one on each line; - is standard input",
    )
    .option("--exclude <pattern>", "leave out files or folders, as in *.cr2; repeatable", collect)
    .option("--include <pattern>", "take only these files or folders; repeatable", collect);
}

/** Refuses a command line that names no photos. */
export function requirePhotos(
  command: Command,
  photos: readonly string[],
  { fromFile }: PhotoArguments,
): void {
  if (photos.length > 0 || fromFile !== undefined) return;
  command.error("error: missing required argument 'photo': name photos, folders or --from-file");
}

/** Adds the option that draws pictures. */
export function addAnnotateOption(command: Command): Command {
  return command.option("--annotate <folder>", "draw what was found on copies of the photos");
}
