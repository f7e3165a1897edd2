import { printable } from "../../../base/printable.ts";
import { formatBytes, formatCount } from "../../../base/quantities.ts";
import { isOrangeryError, type OrangeryError } from "../../../errors.ts";
import type { SlicingOptions } from "../../../pipeline/count/slicing.ts";
import type { PrecisionProof } from "../../../pipeline/precision/precision-proof.ts";
import type { TrialProgress } from "../../../pipeline/precision/precision-trial.ts";
import {
  type QuantizedModelFile,
  quantizeModelFile,
} from "../../../pipeline/precision/quantize-model-file.ts";
import type { UnusedPhoto } from "../../../pipeline/precision/usable-photos.ts";
import {
  displayPath,
  fromCaller,
  modelFromCaller,
  photoFromCaller,
} from "../../options/caller-paths.ts";
import type { DetectionArguments } from "../../options/detection-options.ts";
import { openPhotoList } from "../../options/photo-list-argument.ts";
import type { PhotoFilterArguments } from "../../options/photo-options.ts";
import { readSampleOptions, type SampleArguments } from "../../options/sample-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import { formatLeftOut } from "../../output/left-out-lines.ts";
import { noteUnused } from "../../output/precision-notes.ts";
import { noteUnreadableFolders } from "../../output/problem-notes.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { warningLog } from "../../output/warning-log.ts";
import { formatProof } from "./proof-table.ts";

export interface QuantizeArguments
  extends DetectionArguments,
    SampleArguments,
    PhotoFilterArguments {
  readonly precision: PrecisionProof["precision"];
  readonly device: string;
  readonly photos?: readonly string[];
  readonly slicing?: SlicingOptions | undefined;
  readonly samples: number;
  readonly checks: number;
  readonly tolerance: number;
  readonly force?: boolean;
  readonly maxPixels?: number;
  readonly allowPrivateAddresses?: boolean;
  readonly json?: boolean;
}

/** Runs `orangery quantize`; resolves to the exit status. */
export async function quantize(
  output: StandardOutput,
  [model, out]: readonly [model: string, out: string],
  options: QuantizeArguments,
): Promise<number> {
  using progress = new ProgressDisplay();
  const unused: UnusedPhoto[] = [];
  return await interruptible(async ({ stop: signal }) => {
    try {
      const written = await quantizeFile([model, out], options, { progress, signal, unused });
      noteUnused(progress, unused);
      await printWritten(output, { ...written, unused }, options);
      return exitStatus.ok;
    } catch (error) {
      if (!isOrangeryError(error, "PRECISION_REFUSED")) throw error;
      noteUnused(progress, unused);
      await printRefused(output, { error, unused }, options);
      return exitStatus.incomplete;
    }
  });
}

interface QuantizeContext {
  readonly progress: ProgressDisplay;
  readonly signal: AbortSignal;
  /** Photos that are not used, added as they are found. */
  readonly unused: UnusedPhoto[];
}

async function quantizeFile(
  [model, out]: readonly [model: string, out: string],
  options: QuantizeArguments,
  { progress, signal, unused }: QuantizeContext,
): Promise<QuantizedModelFile> {
  const {
    precision,
    device,
    photos = [],
    fromFile,
    samples,
    checks,
    tolerance,
    force,
    slicing,
  } = options;
  const { confidence, iou, maxDetections, classes, classConfidence, imageSize } = options;
  progress.setActivity("Looking for photos");
  const written = await quantizeModelFile(modelFromCaller(model), fromCaller(out), {
    precision,
    device,
    photos: photos.map(photoFromCaller),
    list: await openPhotoList(fromFile, signal),
    exclude: options.exclude,
    include: options.include,
    onUnreadable: noteUnreadableFolders(progress, []),
    predict: { confidence, iou, maxDetections, classes, classConfidence, imageSize },
    slicing,
    colours: readSampleOptions(options),
    samples,
    checks,
    tolerance,
    force,
    maxPixels: options.maxPixels,
    allowPrivateAddresses: options.allowPrivateAddresses,
    logger: warningLog((line) => progress.note(line)),
    onProgress: (step) => progress.setActivity(describe(step)),
    onUnused: (photo) => unused.push(photo),
    signal,
  });
  for (const line of formatLeftOut(written.leftOut)) progress.note(line);
  return written;
}

function describe({ step, done, total }: TrialProgress): string {
  return `${activities[step]} ${formatCount(done + 1)}/${formatCount(total)} photos`;
}

const activities = { choose: "Looking at", calibrate: "Calibrating", check: "Checking" } as const;

type Unused = { readonly unused: readonly UnusedPhoto[] };

function toUnusedJson({ photo, error, sameAs }: UnusedPhoto) {
  return { photo, error: error && { code: error.code, message: error.message }, sameAs };
}

async function printWritten(
  output: StandardOutput,
  { proof, refused, unused, ...file }: QuantizedModelFile & Unused,
  { json }: QuantizeArguments,
): Promise<void> {
  if (json) {
    const photos = unused.map(toUnusedJson);
    return await output.writeJson({ written: true, ...file, refused, unused: photos, proof });
  }
  const { path, bytes } = file;
  const input = `${file.inputShape.join(" × ")}, ${proof.precision}`;
  const forced =
    refused === undefined ? "" : `Written all the same, though ${printable(refused)}.\n`;
  await output.write(
    `${formatProof(proof)}\n${forced}` +
      `Wrote ${displayPath(path)}: input ${input}; ${formatBytes(bytes)}\n`,
  );
}

async function printRefused(
  output: StandardOutput,
  { error, unused }: Unused & { readonly error: OrangeryError },
  { json }: QuantizeArguments,
): Promise<void> {
  const { code, message, details } = error;
  const proof = isProof(details) ? details : undefined;
  const photos = unused.map(toUnusedJson);
  if (json) {
    await output.writeJson({ written: false, error: { code, message }, unused: photos, proof });
  } else if (proof !== undefined) await output.write(formatProof(proof));
  const forced = proof === undefined ? "" : "; --force writes it all the same";
  process.stderr.write(`orangery: ${printable(message)} Nothing was written${forced}. [${code}]\n`);
}

/** Without photos that could be used there is none. */
function isProof(details: object): details is PrecisionProof {
  return "objects" in details;
}
