import type { Command } from "commander";
import { formatPlural } from "../../../base/quantities.ts";
import { OrangeryError } from "../../../errors.ts";
import type { CamtrapOptions } from "../../../results/export/camera-traps/camtrap-dp.ts";
import { collectNamed, expected } from "../option-values.ts";
import { explainNoRow, readTextFile, sourceFromTable } from "./table-files.ts";

/** Options for what a Camtrap DP needs and photos do not state. */
export interface CamtrapArguments {
  readonly sites?: string;
  readonly timeZone?: string;
  /** Scientific names by class. */
  readonly taxon?: Readonly<Record<string, string>>;
  readonly package?: string;
}

/** Adds the options for what a Camtrap DP needs and photos do not state. */
export function addCamtrapOptions(command: Command): Command {
  return command
    .option(
      "--sites <csv>",
      "for camtrap-dp: places by folder, a CSV with the columns photo, latitude and longitude",
    )
    .option(
      "--time-zone <zone>",
      "for camtrap-dp: of photos that state none, as in +02:00 or Europe/Berlin",
    )
    .option(
      "--taxon <class=name>",
      "for camtrap-dp: a class's scientific name, as in fox=Vulpes vulpes; repeatable",
      collectTaxon,
    )
    .option(
      "--package <json>",
      "for camtrap-dp: parts of its datapackage.json, such as the project and contributors",
    );
}

/**
 * Reads what photos do not say.
 *
 * @param relativeTo The place below which a table names folders. Default: the caller's folder.
 */
export async function readCamtrap(
  { sites, timeZone, taxon, package: metadata }: CamtrapArguments,
  relativeTo: string | undefined,
): Promise<CamtrapOptions> {
  return {
    sites: sites === undefined ? undefined : await readSites(sites, relativeTo),
    timeZone,
    taxa: taxon && new Map(Object.entries(taxon)),
    metadata: metadata === undefined ? undefined : parseObject(await readTextFile(metadata)),
  };
}

/** Describes on a line how many photos the table of sites does not have; "" for none. */
export function describeSiteless(
  { sites }: CamtrapOptions,
  relativeTo: string | undefined,
): string {
  if (sites === undefined || sites.missing === 0) return "";
  const photos = formatPlural(sites.missing, "photo");
  return `No site for ${photos}: ${explainNoRow(sites.name, relativeTo)}\n`;
}

async function readSites(name: string, relativeTo: string | undefined) {
  // Imported late: most commands need none of it.
  const { SourceTable } = await import("../../../results/source-table.ts");
  return SourceTable.parse(await readTextFile(name), {
    name,
    columns: {
      latitude: (degrees) => Math.abs(degrees) <= 90,
      longitude: (degrees) => Math.abs(degrees) <= 180,
    },
    sourceOf: (folder) => sourceFromTable(folder, relativeTo),
  });
}

function collectTaxon(text: string, before?: Readonly<Record<string, string>>) {
  const at = text.indexOf("=");
  const [name, taxon] = [text.slice(0, at).trim(), text.slice(at + 1).trim()];
  if (at > 0 && name !== "" && taxon !== "") return collectNamed([name, taxon], before);
  throw expected("a class and its scientific name, as in fox=Vulpes vulpes", text);
}

function parseObject(text: string): object & { readonly [name: string]: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // The message says what was expected.
  }
  throw new OrangeryError("INVALID_ARGUMENT", "Expected a JSON object in the file of --package.");
}
