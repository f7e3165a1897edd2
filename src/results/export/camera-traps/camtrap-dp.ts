import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { writeWholeFolder } from "../../../base/files/whole-folder.ts";
import { OrangeryError } from "../../../errors.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { checkClassName } from "../../../vision/class-choice.ts";
import type { ExportedResult } from "../labels/exported-photo.ts";
import { OutputFile } from "../output-file.ts";
import { csvLine } from "../tables/csv.ts";
import type { Row } from "../tables/table-row.ts";
import { camtrapPackage, type PackageMetadata } from "./camtrap-package.ts";
import { camtrapColumns, deploymentRow, mediaRow, observationRows } from "./camtrap-rows.ts";
import { DeploymentCounter, type SiteTable } from "./deployments.ts";
import { ZonedTime } from "./zoned-time.ts";

/** What photos do not say, for a Camtrap DP. */
export interface CamtrapOptions {
  /** Where sites are. Default: where their photos were taken. */
  readonly sites?: SiteTable | undefined;
  /** The zone of photos that state none: `+02:00`, `Europe/Berlin`. Default: none. */
  readonly timeZone?: string | undefined;
  /** Scientific names by class. */
  readonly taxa?: ReadonlyMap<string, string> | undefined;
  /** Parts of `datapackage.json`: the project, contributors, licences. */
  readonly metadata?: PackageMetadata | undefined;
}

export interface WriteCamtrapOptions extends CamtrapOptions {
  /** Absolute path of a folder that does not exist or is empty. */
  readonly folder: string;
  readonly recipeHash: string;
  /** Names a folder as the photos of the results are named. */
  readonly nameOfFolder: (place: string) => string;
}

/**
 * Writes results as a Camera Trap Data Package, Camtrap DP 1.0.2, whole or not at all:
 * `datapackage.json`, and tables of deployments, media and observations.
 *
 * @throws `INVALID_ARGUMENT` for photos without a time, a zone, a place, or with an absolute
 *   name, and for a taxon of a class that the model does not have
 */
export async function writeCamtrapDp(
  results: AsyncIterable<ExportedResult>,
  { folder, recipeHash, nameOfFolder, ...options }: WriteCamtrapOptions,
): Promise<void> {
  const { sites, taxa = new Map<string, string>(), metadata } = options;
  const zone = new ZonedTime(options.timeZone);
  const counter = new DeploymentCounter(sites, nameOfFolder);
  const scientificNames = new Set<string>();
  const classifiedBy = `Orangery, recipe ${recipeHash.slice(0, 8)}`;
  let classNames: readonly string[] | undefined;
  let createdAt = "";
  let undated: StoredResult | undefined;
  await writeWholeFolder(folder, async (part) => {
    await using media = await Table.create(part, "media");
    await using observations = await Table.create(part, "observations");
    for await (const result of results) {
      if (classNames === undefined) {
        classNames = result.objects.names;
        for (const name of taxa.keys()) checkClassName("taxa", name, classNames);
      }
      if (result.capture.takenAt === undefined) {
        if (createdAt !== "") throw noTime(result);
        // What helps depends on whether any photo has a time.
        undated ??= result;
        continue;
      }
      if (undated !== undefined) throw noTime(undated);
      const timestamp = timeOf(result, zone);
      const deploymentId = counter.add(result.origin, result, timestamp);
      const medium = { result, deploymentId, timestamp };
      await media.write([mediaRow(medium)]);
      const rows = [...observationRows(medium, { taxa, classifiedBy })];
      await observations.write(rows);
      for (const { scientificName } of rows) {
        if (scientificName !== undefined) scientificNames.add(String(scientificName));
      }
      if (result.createdAt > createdAt) createdAt = result.createdAt;
    }
    if (undated !== undefined) throw noTimes();
    if (createdAt === "") throw noPhotos();
    const deployments = counter.list;
    await using table = await Table.create(part, "deployments");
    await table.write(deployments.map(deploymentRow));
    for (const written of [media, observations, table]) await written.finish();
    const names = [...scientificNames].sort();
    const facts = { deployments, scientificNames: names, createdAt, recipeHash, given: metadata };
    const json = JSON.stringify(camtrapPackage(facts), null, 2);
    await writeFile(join(part, "datapackage.json"), `${json}\n`);
  });
}

/** One of the tables, as a file. */
class Table implements AsyncDisposable {
  readonly #file: OutputFile;
  readonly #columns: readonly string[];

  private constructor(file: OutputFile, columns: readonly string[]) {
    this.#file = file;
    this.#columns = columns;
  }

  static async create(folder: string, name: keyof typeof camtrapColumns): Promise<Table> {
    const file = await OutputFile.create(join(folder, `${name}.csv`));
    await file.write(csvLine(camtrapColumns[name]));
    return new Table(file, camtrapColumns[name]);
  }

  async write(rows: readonly Row[]): Promise<void> {
    for (const row of rows) {
      await this.#file.write(csvLine(this.#columns.map((column) => row[column])));
    }
  }

  async finish(): Promise<void> {
    await this.#file.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }
}

function timeOf({ source, capture }: StoredResult, zone: ZonedTime): string {
  const time = zone.of(capture.takenAt!);
  if (time !== undefined) return time;
  throw unsaid(
    source,
    "the zone of its time",
    "Name the zone of the cameras' clocks with --time-zone",
  );
}

function noTime({ source }: StoredResult): OrangeryError {
  const advice = "Leave such photos out with --taken-after 1826-01-01";
  return unsaid(source, "when it was taken", advice);
}

function unsaid(source: string, what: string, advice: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected photos that say when they were taken, as Camtrap DP asks for, but ${source} does ` +
      `not say ${what}. ${advice}.`,
    { details: { photo: source } },
  );
}

function noTimes(): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    "Expected photos that say when they were taken, as Camtrap DP asks for, but none of them " +
      "does. Other formats need no time: --format megadetector, csv, coco.",
  );
}

function noPhotos(): OrangeryError {
  return new OrangeryError("INVALID_ARGUMENT", "Expected photos to write, but none is selected.");
}
