import {
  checkOptions,
  type Defined,
  numberFrom,
  refuseUnknown,
  wholeNumberFrom,
} from "../../base/check-options.ts";
import { StepTimes } from "../../base/step-times.ts";
import { OrangeryError } from "../../errors.ts";
import type { Calibration, RangeMethod } from "../../graph/quantize/calibration.ts";
import {
  type ObservedYoloModel,
  openObservedModel,
} from "../../models/calibration/observed-model.ts";
import { parseDevice, takesInt8 } from "../../models/devices/device.ts";
import { identifyModelFile } from "../../models/files/model-file.ts";
import { openPhoto } from "../../vision/photo/open-photo.ts";
import type { Slice } from "../../vision/photo/slice.ts";
import { CountablePhoto } from "../count/countable-photo.ts";
import type { ModelUse } from "../count/model-use.ts";
import { Slicing, type SlicingOptions } from "../count/slicing.ts";
import { type PrecisionProof, whyRefused } from "./precision-proof.ts";
import {
  type Candidate,
  goneSince,
  PrecisionTrial,
  type TrialOptions,
  withoutTrialOptions,
} from "./precision-trial.ts";

/** The calibrations of a recipe's models. */
export interface Calibrations {
  readonly detect: Calibration;
  readonly segment?: Calibration | undefined;
}

/** How int8 is calibrated and checked. */
export interface Int8TrialOptions extends TrialOptions {
  /** Where it is checked, as `ModelCache` takes it. Default `cpu`, as for `auto`. */
  readonly device?: string | undefined;
  /** The most inputs of the network that it is calibrated on, from 1 up. Default 64. */
  readonly samples?: number | undefined;
}

/** What a trial found: what int8 needs, and how it counts. */
export interface TrialResult {
  readonly calibrations: Calibrations;
  readonly proof: PrecisionProof;
}

const methods: readonly RangeMethod[] = ["extremes", "percentile"];

/** More photos show no more than their slices do. */
const mostCalibrationPhotos = 64;

/** One to calibrate on, and another to check on. */
const fewestPhotos = 2;

const purpose = "calibrate int8 on and others to check it on";

/**
 * Calibrates a recipe's models on some of the photos, and counts on others in float32 and in int8.
 * Of the two ways to make ranges it takes the one that is not refused, or whose objects
 * match better.
 *
 * @throws `INVALID_ARGUMENT`, also for a device that int8 is not for, `PRECISION_REFUSED` for fewer
 *   than two different photos that can be read, or none with a region, `MODEL_…`, `ORT_FAILED`
 */
export async function tryInt8(options: Int8TrialOptions): Promise<TrialResult> {
  const { samples = 64, device, ...asked } = options;
  const { checks = 16, leastPhotos = fewestPhotos, tolerance } = asked;
  refuseUnknown("Int8TrialOptions", options, withoutTrialOptions(asked));
  checkOptions({ samples, checks }, wholeNumberFrom(1));
  checkOptions({ leastPhotos }, wholeNumberFrom(fewestPhotos));
  requireInt8Device(device);
  checkOptions({ tolerance }, numberFrom(0));
  const trial = new Int8Trial({ ...options, samples, checks, leastPhotos });
  return await trial.run();
}

/** Makes sure that int8 is for a device, as `ModelCache` takes it. @throws `INVALID_ARGUMENT` */
export function requireInt8Device(device = "auto"): void {
  if (device === "auto" || takesInt8(parseDevice(device))) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected int8 on the CPU or by OpenVINO, got the device ${device}. Use float16 or float32 ` +
      "there, or `--device cpu`.",
    { details: { device } },
  );
}

type CheckedTrialOptions = Int8TrialOptions &
  Defined<Int8TrialOptions, "samples" | "checks" | "leastPhotos">;

/** The photos of a trial, none in both. */
interface DividedPhotos {
  readonly check: readonly string[];
  readonly calibrate: readonly string[];
}

class Int8Trial {
  readonly #options: CheckedTrialOptions;
  readonly #trial: PrecisionTrial;

  constructor(options: CheckedTrialOptions) {
    this.#options = options;
    this.#trial = new PrecisionTrial(options);
  }

  async run(): Promise<TrialResult> {
    const { calibratedOn, calibrations, check } = await this.#calibrate();
    const candidates = methods.map((method): Candidate => {
      const { detect, segment } = calibrations[method];
      const models = { detect: { calibration: detect }, segment: { calibration: segment } };
      return { precision: "int8", method, calibratedOn, models };
    });
    const { device = "auto" } = this.#options;
    const checkedOn = device === "auto" ? "cpu" : device;
    const proofs = await this.#trial.check({
      candidates,
      photos: async () => check,
      device: checkedOn,
    });
    const isRefused = (proof: PrecisionProof) => whyRefused(proof, this.#options) !== undefined;
    const [best] = proofs.toSorted(
      (a, b) => Number(isRefused(a)) - Number(isRefused(b)) || b.matchedShare - a.matchedShare,
    );
    if (best === undefined || best.checkedOn === 0) {
      throw this.#trial.tooFewPhotos(purpose, goneSince);
    }
    return { proof: best, calibrations: calibrations[best.method!] };
  }

  /** Up to a third of the photos check, the others calibrate. */
  async #divide(): Promise<DividedPhotos> {
    const { samples, checks, leastPhotos: least } = this.#options;
    const most = Math.min(samples, mostCalibrationPhotos);
    const checksOf = (photoCount: number) => Math.min(checks, Math.ceil(photoCount / 3));
    const listed = new Set(this.#options.photos).size;
    const wanted = checksOf(listed) + most;
    const choice = { precision: "int8", most: wanted, least, purpose } as const;
    const photos = await this.#trial.choose(choice);
    // With fewer than were wanted there are no others.
    const checkCount = checksOf(photos.length < wanted ? photos.length : listed);
    return {
      check: photos.slice(0, checkCount),
      calibrate: photos.slice(checkCount, checkCount + most),
    };
  }

  async #calibrate() {
    const { count, samples, signal } = this.#options;
    await using stack = new AsyncDisposableStack();
    const open = async (file: string) =>
      stack.use(await openObservedModel(await identifyModelFile(file), { signal }));
    const detect = await open(count.detect.file);
    const segment = count.segment && (await open(count.segment.file));
    const { check, calibrate: photos } = await this.#divide();
    const perPhoto = Math.ceil(samples / photos.length);
    const { maxPixels, pixelsInMemory, regions } = this.#options;
    const models = {
      detect: use(detect, count.detect.options),
      segment: segment && use(segment, count.segment?.options),
      regions,
      slicing: count.slicing && new SomeSlices(count.slicing, perPhoto),
    };
    const withGrey = [detect, segment].some((observed) => observed?.model.channels === 1);
    const openOptions = { ...count.samples, maxPixels, pixelsInMemory, withGrey, signal };
    const step = { precision: "int8", step: "calibrate" } as const;
    const calibratedOn = await this.#trial.each(step, photos, {
      work: async (bytes, source) => {
        await using photo = await openPhoto(bytes, openOptions);
        const times = new StepTimes<string>({});
        await new CountablePhoto(photo, models, times).count({ source, signal });
      },
    });
    if (calibratedOn === 0) throw this.#trial.tooFewPhotos(purpose, goneSince);
    // Nothing is detected.
    if (detect.runs === 0) throw this.#trial.tooFewPhotos(purpose, "none has a region");
    const of = (method: RangeMethod): Calibrations => ({
      detect: detect.calibration(method),
      segment: segment?.calibration(method),
    });
    const calibrations = { extremes: of("extremes"), percentile: of("percentile") };
    return { calibratedOn, calibrations, check };
  }
}

/** Slices some of a photo only, spread over it. */
class SomeSlices extends Slicing {
  readonly #most: number;

  constructor(options: SlicingOptions, most: number) {
    super(options);
    this.#most = most;
  }

  override plan(photoWh: readonly [number, number]): readonly Slice[] {
    const slices = super.plan(photoWh);
    const every = slices.length / Math.min(this.#most, slices.length);
    return slices.filter(
      (_, index) => Math.floor(index / every) !== Math.floor((index - 1) / every),
    );
  }
}

function use({ model }: ObservedYoloModel, options: ModelUse["options"]): ModelUse {
  return { model, options };
}
