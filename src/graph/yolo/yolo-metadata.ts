/** What the metadata of a YOLO model says. */
export interface YoloFacts {
  readonly description: string;
  readonly task: "detect" | "segment";
  /** Input sizes must be multiples of it, in pixels. */
  readonly stride: number;
  readonly imageSizeHw: readonly [heightPx: number, widthPx: number];
  readonly names: readonly string[];
  /** Whether the height and width of the input are free. */
  readonly dynamic: boolean;
}

/**
 * `metadata_props` as Ultralytics writes them: each value is the Python literal. No date, so that
 * the same model has the same bytes.
 */
export function toYoloMetadata(facts: YoloFacts): Map<string, string> {
  const names = facts.names.map((name, i) => `${i}: ${pythonString(name)}`);
  return new Map([
    ["description", facts.description],
    ["author", "Orangery"],
    ["license", "MIT"],
    ["stride", `${facts.stride}`],
    ["task", facts.task],
    ["head", facts.task === "segment" ? "Segment" : "Detect"],
    ["batch", "1"],
    ["imgsz", `[${facts.imageSizeHw.join(", ")}]`],
    ["names", `{${names.join(", ")}}`],
    ["args", `{'batch': 1, 'dynamic': ${facts.dynamic ? "True" : "False"}, 'nms': False}`],
    ["channels", "3"],
    ["end2end", "False"],
  ]);
}

/** Python's `repr` of a string of printable characters. */
function pythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll(quote, `\\${quote}`)
    .replaceAll("\n", "\\n");
  return `${quote}${escaped}${quote}`;
}
