import type { TableName } from "./tables/result-tables.ts";

export type ExportFormat =
  | "csv"
  | "xlsx"
  | "parquet"
  | "coco"
  | "yolo"
  | "cvat"
  | "label-studio"
  | "geojson"
  | "places"
  | "megadetector"
  | "camtrap-dp"
  | "crops";

/** Options that not every format has. */
export type FormatOption =
  | "table"
  | "scores"
  | "excel"
  | "polygons"
  | "photos"
  | "split"
  | "imagePrefix"
  | "margin"
  | "hardest"
  | "sites"
  | "timeZone"
  | "taxon"
  | "package"
  | "scale"
  | "corrected"
  | "reviewed";

interface Format {
  /** Follows the name of the results file. */
  readonly suffix: string;
  /** The default table; undefined for a format without tables. */
  readonly table?: TableName;
  /** Whether it is text, which can be written to a pipe, another file, or a folder. */
  readonly kind: "text" | "file" | "folder";
  readonly options: readonly FormatOption[];
}

/** The formats of exports, and what can be asked of each. */
export const exportFormats: { readonly [format in ExportFormat]: Format } = {
  csv: {
    suffix: ".csv",
    table: "counts",
    kind: "text",
    options: ["table", "excel", "scale", "corrected"],
  },
  xlsx: {
    suffix: ".xlsx",
    table: "counts",
    kind: "file",
    options: ["table", "scale", "corrected"],
  },
  parquet: {
    suffix: ".parquet",
    table: "objects",
    kind: "file",
    options: ["table", "scale", "corrected"],
  },
  coco: {
    suffix: ".coco.json",
    kind: "text",
    options: ["polygons", "hardest", "scale", "corrected", "reviewed"],
  },
  yolo: {
    suffix: "-yolo",
    kind: "folder",
    options: ["scores", "polygons", "photos", "split", "hardest", "corrected", "reviewed"],
  },
  cvat: { suffix: ".cvat.xml", kind: "text", options: ["hardest", "corrected", "reviewed"] },
  "label-studio": {
    suffix: ".label-studio.json",
    kind: "text",
    options: ["imagePrefix", "hardest", "corrected", "reviewed"],
  },
  geojson: { suffix: ".geojson", kind: "text", options: ["scale", "corrected"] },
  places: { suffix: ".places.geojson", kind: "text", options: ["scale", "corrected"] },
  megadetector: { suffix: ".megadetector.json", kind: "text", options: [] },
  "camtrap-dp": {
    suffix: "-camtrap-dp",
    kind: "folder",
    options: ["sites", "timeZone", "taxon", "package"],
  },
  crops: {
    suffix: "-crops",
    kind: "folder",
    options: ["margin", "hardest", "corrected", "reviewed"],
  },
};

/** The formats that are folders. */
export type FolderFormat = "yolo" | "camtrap-dp" | "crops";

export function isFolderFormat(format: ExportFormat): format is FolderFormat {
  return exportFormats[format].kind === "folder";
}
