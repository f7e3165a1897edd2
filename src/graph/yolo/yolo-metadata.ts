/** What the metadata of a YOLO model says. */
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

/** Where the weights come from, as far as their checkpoint says. */
export interface ModelOrigin {
  readonly date?: string | undefined;
  /** Of Ultralytics. */
  readonly version?: string | undefined;
  readonly license?: string | undefined;
  readonly docs?: string | undefined;
}

/**
 * `metadata_props` as Ultralytics writes them: each value is the Python literal. The date is the
 * weights' and not today's, so that the same model has the same bytes.
 */
export function toYoloMetadata(facts: YoloMetadata): Map<string, string> {
  const {
    head = facts.task === "segment" ? "Segment" : "Detect",
    batch = 1,
    channels = 3,
    half = false,
    endToEnd = false,
    origin = { license: "MIT" },
  } = facts;
  const names = facts.names.map((name, i) => `${i}: ${pythonString(name)}`);
  const args = {
    batch,
    half: pythonBoolean(half),
    dynamic: pythonBoolean(facts.dynamic),
    nms: pythonBoolean(false),
  };
  const entries: readonly (readonly [string, string | undefined])[] = [
    ["description", facts.description],
    ["author", "Orangery"],
    ["date", origin.date],
    ["version", origin.version],
    ["license", origin.license],
    ["docs", origin.docs],
    ["stride", `${facts.stride}`],
    ["task", facts.task],
    ["head", head],
    ["batch", `${batch}`],
    ["imgsz", `[${facts.imageSizeHw.join(", ")}]`],
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

/** Python's `repr` of a string. */
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
