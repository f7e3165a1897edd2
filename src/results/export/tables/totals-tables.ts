import type { FailedPhoto } from "../../../ledger/results/failed-photos.ts";
import { type ScaledResult, toSquareMetres } from "../../scale/photo-scale.ts";
import { CaptureCounter } from "../../totals/capture-totals.ts";
import { FolderCounter } from "../../totals/folder-totals.ts";
import type { Totals } from "../../totals/totals.ts";
import type { ColumnType, Row } from "./table-row.ts";

/** Tables of totals: their rows are known when all photos were read. */
export type TotalsTableName = "folders" | "days" | "cameras";

const groupColumns = {
  folders: "folder",
  days: "day",
  cameras: "camera",
} as const satisfies { readonly [name in TotalsTableName]: string };

export function isTotalsTable(name: string): name is TotalsTableName {
  return Object.hasOwn(groupColumns, name);
}

/** Returns a table of totals, to be filled once. */
export function totalsTable(name: TotalsTableName) {
  const column = groupColumns[name];
  const counter = name === "folders" ? new FolderTotalsCounter() : new CaptureTotalsCounter(name);
  const columns: { readonly [name: string]: ColumnType } = {
    [column]: "text",
    class: "text",
    photos: "integer",
    failed: "integer",
    count: "integer",
    count_per_photo: "number",
    area_m2: "number",
    count_per_m2: "number",
  };
  return {
    columns,
    rowsOf(result: ScaledResult): Iterable<Row> {
      counter.add(result, {
        objectCount: result.objects.length,
        countByName: result.objects.countByName(),
        areaM2: toSquareMetres(result.widthPx * result.heightPx, result.scale),
      });
      return [];
    },
    rowsOfFailure(photo: FailedPhoto): Iterable<Row> {
      counter.addFailure(photo);
      return [];
    },
    *rowsAtEnd(): Iterable<Row> {
      for (const [group, totals] of counter.groups) yield* totalsRows(column, group, totals);
    },
  };
}

type AddPhoto = (result: ScaledResult, counts: Parameters<FolderCounter["add"]>[1]) => void;

interface GroupCounter {
  readonly add: AddPhoto;
  readonly addFailure: (photo: FailedPhoto) => void;
  readonly groups: readonly (readonly [name: string, totals: Totals])[];
}

class FolderTotalsCounter implements GroupCounter {
  readonly #folders = new FolderCounter();

  readonly add: AddPhoto = ({ source }, counts) => this.#folders.add(source, counts);

  readonly addFailure = ({ source }: FailedPhoto) => this.#folders.addFailure(source);

  get groups() {
    return this.#folders.all.map(({ folder, totals }) => [folder, totals] as const);
  }
}

class CaptureTotalsCounter implements GroupCounter {
  readonly #captures = new CaptureCounter();
  readonly #name: "days" | "cameras";

  constructor(name: "days" | "cameras") {
    this.#name = name;
  }

  readonly add: AddPhoto = ({ capture }, counts) => this.#captures.add(capture, counts);

  readonly addFailure = ({ capture }: FailedPhoto) => this.#captures.addFailure(capture);

  get groups() {
    return this.#captures[this.#name].map(({ name, totals }) => [name, totals] as const);
  }
}

/** One row for each class that is in the group; one of zero where there is none. */
function* totalsRows(column: string, group: string, totals: Totals): Iterable<Row> {
  const { photos, failed, measured } = totals;
  const counts = [...totals.countByName].filter(([, count]) => count > 0);
  const found = counts.length > 0 ? counts : [[undefined, 0] as const];
  for (const [name, count] of found) {
    const measuredCount = name === undefined ? 0 : (measured?.countByName.get(name) ?? 0);
    yield {
      [column]: group === "" ? undefined : group,
      class: name,
      photos,
      failed,
      count,
      count_per_photo: photos === 0 ? undefined : round(count / photos),
      area_m2: measured && round(measured.areaM2),
      count_per_m2: measured && round(measuredCount / measured.areaM2),
    };
  }
}

function round(value: number): number {
  return Number(value.toPrecision(7));
}
