/** What stands here for options of the `yolo` command, which many write out of habit. */
const habits: { readonly [option in string]?: string } = {
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
  batch: "nothing: orangery chooses what is run together",
  workers: "nothing: photos are decoded beside inference",
};

/**
 * Replaces the guess in Commander's message about an unknown option by what does the same here,
 * where the option is one of the `yolo` command.
 */
export function explainYoloHabit(message: string): string {
  const [, option = ""] = /unknown option '--([a-z-]+)/.exec(message.replaceAll("_", "-")) ?? [];
  const here = habits[option];
  if (here === undefined) return message;
  const [first = ""] = message.split("\n");
  return `${first}\n(Here it is ${here}.)\n`;
}
