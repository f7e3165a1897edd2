/**
 * Our counterparts to options of the `yolo` command, and to one of ours where another command has
 * it, which many users type out of habit.
 */
const counterparts: { readonly [option in string]?: string } = {
  conf: "--confidence",
  imgsz: "--image-size",
  "img-size": "--image-size",
  "iou-thres": "--iou",
  "conf-thres": "--confidence",
  "max-det": "--max-detections",
  source: "photos and folders by themselves, without an option",
  weights: "--model for predict, --detect and --segment for run",
  model: "--detect and --segment",
  project: "--out for the results, --annotate for pictures",
  name: "--out for the results, --annotate for pictures",
  save: "--annotate for pictures with what was found",
  "save-txt": "export-results --format yolo",
  "save-crop": "export-results --format csv --rows objects, which has the boxes",
  half: "export --half for a file, --precision float16 for run, predict and enqueue",
  int8: "quantize for a file, --precision for run, predict and enqueue",
  results: "--out for run, and the results file by itself, without an option, for what reads it",
  batch: "nothing: orangery chooses what is run together",
  workers: "nothing: photos are decoded beside inference",
};

/**
 * For an unknown option that the `yolo` command has, replaces Commander's guess with our
 * counterpart.
 */
export function explainYoloOption(message: string): string {
  const [, option = ""] = /unknown option '--([a-z-]+)/.exec(message.replaceAll("_", "-")) ?? [];
  const here = counterparts[option];
  if (here === undefined) return message;
  const [first = ""] = message.split("\n");
  return `${first}\n(Here it is ${here}.)\n`;
}
