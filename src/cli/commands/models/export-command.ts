import { Command } from "commander";
import { expected, parseImageSize } from "../../options/option-values.ts";
import { plainExitStatusHelp } from "../../output/exit-status.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { ExportModelArguments } from "./export.ts";

const help = `
Examples:
  $ orangery export yolo11m.pt yolo11m.onnx
  $ orangery export yolo11m.pt yolo11m.onnx --image-size 480,640
  $ orangery export yolo11m.pt yolo11m.onnx --image-size dynamic --half

The file has the metadata that Ultralytics writes, so Ultralytics and other ONNX tools can load it.
Orangery itself needs no export: it reads the .pt as it is.
${plainExitStatusHelp}`;

/** `orangery export`: a checkpoint as an ONNX model. */
export function createExportCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  return new Command("export")
    .summary("write a .pt checkpoint as an ONNX model")
    .description(
      "Writes a YOLO checkpoint as an ONNX model; replaces a file, makes missing folders.",
    )
    .argument("<model>", "a .pt checkpoint")
    .argument("<out>", "the ONNX file to write")
    .option(
      "--image-size <px>",
      "640, height,width as in 480,640, or dynamic (default: as it was trained)",
      parseExportSize,
    )
    .option("--half", "weights of float16; input and outputs stay float32")
    .option("--json", "print one JSON line")
    .addHelpText("after", help)
    .action(async (model: string, out: string, options: ExportModelArguments) => {
      const { exportOnnx } = await import("./export.ts");
      setStatus(await exportOnnx(output, [model, out], options));
    });
}

function parseExportSize(text: string): ReturnType<typeof parseImageSize> | "dynamic" {
  if (text === "dynamic") return text;
  try {
    return parseImageSize(text.replace(",", "x"));
  } catch {
    throw expected("pixels as in 640, height,width as in 480,640, or dynamic", text);
  }
}
