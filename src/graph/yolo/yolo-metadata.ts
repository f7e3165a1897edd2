/** What the metadata of a YOLO model say. */
export interface YoloMetadata {
  readonly description: string;
  readonly task: "detect" | "segment";
  /** The class of the head in Ultralytics; by default the usual one of the task. */
  readonly head?: string;
  /** Input sizes must be multiples of it, in pixels. */
  readonly stride: number;
  readonly batch?: number;
  /** Of the pictures; default 3, RGB. */
  readonly channels?: number;
  readonly imageSizeHw: readonly [heightPx: number, widthPx: number];
  readonly names: readonly string[];
  /** Whether the batch, height and width of the input are free. */
  readonly dynamic: boolean;
  readonly half?: boolean;
  readonly endToEnd?: boolean;
  /** By default the weights are Orangery's own. */
  readonly origin?: ModelOrigin;
}

/** The origin of the weights, as their checkpoint states it. */
export interface ModelOrigin {
  readonly date?: string | undefined;
  /** Of Ultralytics. */
  readonly version?: string | undefined;
  readonly license?: string | undefined;
  readonly docs?: string | undefined;
}

/**
 * Returns `metadata_props` as Ultralytics writes them: each value is a Python literal. The date is
 * that of the weights, so that the same model has the same bytes.
 */
export function toYoloMetadata(model: YoloMetadata): Map<string, string> {
  const {
    head = model.task === "segment" ? "Segment" : "Detect",
    batch = 1,
    channels = 3,
    half = false,
    endToEnd = false,
    origin = { license: "MIT" },
  } = model;
  const names = model.names.map((name, i) => `${i}: ${pythonString(name)}`);
  const args = {
    batch,
    half: pythonBoolean(half),
    dynamic: pythonBoolean(model.dynamic),
    nms: pythonBoolean(false),
  };
  const entries: readonly (readonly [string, string | undefined])[] = [
    ["description", model.description],
    ["author", "Orangery"],
    ["date", origin.date],
    ["version", origin.version],
    ["license", origin.license],
    ["docs", origin.docs],
    ["stride", `${model.stride}`],
    ["task", model.task],
    ["head", head],
    ["batch", `${batch}`],
    ["imgsz", `[${model.imageSizeHw.join(", ")}]`],
    ["names", `{${names.join(", ")}}`],
    [
      "args",
      `{${Object.entries(args)
        .map(([key, value]) => `'${key}': ${value}`)
        .join(", ")}}`,
    ],
    ["channels", `${channels}`],
    ["end2end", pythonBoolean(endToEnd)],
  ];
  return new Map(entries.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

function pythonBoolean(value: boolean): string {
  return value ? "True" : "False";
}

/** Returns Python's `repr` of a string. */
function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll(quote, `\\${quote}`)
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replaceAll("\t", "\\t")
    .replaceAll(/\p{Cc}/gu, (control) => `\\x${hexadecimal(control, 2)}`)
    .replaceAll(/\p{Cs}/gu, (surrogate) => `\\u${hexadecimal(surrogate, 4)}`);
  return `${quote}${escaped}${quote}`;
}

function hexadecimal(character: string, digits: number): string {
  return character.codePointAt(0)!.toString(16).padStart(digits, "0");
}
