import { Command, Option } from "commander";
import type { SlicingOptions } from "../../../pipeline/count/slicing.ts";
import { addDetectionOptions, type MaxDetections } from "../../options/detection-options.ts";
import { parseCount, parseFraction, refuse } from "../../options/option-values.ts";
import {
  addMaxPixelsOption,
  addPhotoFilterOptions,
  addPrivateAddressesOption,
} from "../../options/photo-options.ts";
import { addSampleOptions } from "../../options/sample-options.ts";
import {
  addSlicingOptions,
  readSlicing,
  type SlicingArguments,
} from "../../options/slicing-options.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import type { QuantizeArguments } from "./quantize.ts";

const help = `
Examples:
  $ orangery quantize plants.pt plants-int8.onnx --photos photos/
  $ orangery quantize plants.onnx plants-int8.onnx --photos photos/ --slice 640
  $ orangery quantize plants.pt plants-int8.onnx --photos photos/ --tolerance 0.01 --json
  $ orangery quantize plants.pt plants-float16.onnx --photos photos/ --precision float16

Give 20 photos or more of the kind that will be counted, and the options they will be counted with.
Some of them calibrate int8, the others check it: they are counted in float32 and in int8.
Float16 needs no calibration. The file is an ONNX model, in int8 for the CPU and in float16 for
GPUs, which Orangery, ONNX Runtime and Ultralytics can load.

Exit status:
  0    done
  1    an error
  2    the command line is wrong
  3    the model does not count as in float32: no file was written
  130  interrupted (129 hang-up, 143 terminated)`;

const maxDetections: MaxDetections = { whole: 300, sliced: 100_000 };

/** `orangery quantize`: a model in int8 or float16, proved on photos. */
export function createQuantizeCommand(
  output: StandardOutput,
  setStatus: (status: number) => void,
): Command {
  const command = new Command("quantize")
    .summary("write a model in int8 or float16, proved on your photos")
    .description(
      "Writes a model as an ONNX model in int8, which is faster on CPUs, or in float16, which is " +
        "faster on GPUs, unless it counts otherwise on your photos.",
    )
    .argument("<model>", "a .pt or ONNX file of float32, sample:seedlings or sample:beds")
    .argument("<out>", "the ONNX file to write")
    .addOption(
      new Option("--precision <precision>", "what the model is to compute in")
        .choices(["int8", "float16"])
        .default("int8"),
    )
    .option(
      "--device <name>",
      "where it is checked: auto, cuda:N, …, cpu; int8 on cpu or openvino:cpu",
      "auto",
    )
    .option(
      "--photos <place...>",
      "photos, folders with all folders below them, s3://…, https://…",
    );
  addPhotoFilterOptions(command)
    .option("--samples <n>", "inputs of the network to calibrate on", parseCount, 64)
    .option("--checks <n>", "photos to check on", parseCount, 16)
    .option(
      "--tolerance <share>",
      "share by which the total may differ, 0 to 1",
      parseFraction,
      0.005,
    )
    .option("--force", "write the file even if its counts differ from float32's");
  addSampleOptions(addSlicingOptions(addDetectionOptions(command, maxDetections)));
  addPrivateAddressesOption(addMaxPixelsOption(command))
    .option("--json", "print one JSON line")
    .addHelpText("after", help);
  type Arguments = QuantizeArguments & SlicingArguments & { readonly slicing?: SlicingOptions };
  return command.action(async (model: string, out: string, options: Arguments) => {
    if (options.photos === undefined && options.fromFile === undefined) {
      command.error("error: option '--photos <place...>' or '--from-file <list>' is needed");
    }
    if (options.precision === "float16") refuse(command, ["samples"], "with float16");
    const slicing = readSlicing(command, options);
    const most = options.maxDetections ?? maxDetections[slicing ? "sliced" : "whole"];
    // Imported late: help and usage errors need no runtime.
    const { quantize } = await import("./quantize.ts");
    setStatus(await quantize(output, [model, out], { ...options, slicing, maxDetections: most }));
  });
}
