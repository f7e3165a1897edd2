import { hash } from "node:crypto";
import { basename } from "node:path";
import { checkOptions, numberFrom, wholeNumberFrom } from "../../base/check-options.ts";
import { StepTimes } from "../../base/step-times.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { Calibration, RangeMethod } from "../../graph/quantize/calibration.ts";
import type { PhotoResult } from "../../ledger/results/result-rows.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import { identifyModelFile } from "../../models/files/model-file.ts";
import {
  type ObservedYoloModel,
  openObservedModel,
} from "../../models/precision/observed-model.ts";
import { openPhoto } from "../../vision/photo/open-photo.ts";
import type { Slice } from "../../vision/photo/slice.ts";
import { CountablePhoto } from "../count/countable-photo.ts";
import type { ModelUse } from "../count/model-use.ts";
import { PhotoPipeline, type PhotoPipelineOptions } from "../count/photo-pipeline.ts";
import { Slicing, type SlicingOptions } from "../count/slicing.ts";
import type { CountOptions, ModelRole } from "../recipe/count-recipe.ts";
import {
  type PrecisionLimits,
  type PrecisionProof,
  ProofTally,
  whyRefused,
} from "./precision-proof.ts";

/** The calibrations of a recipe's models. */
export interface Calibrations {
  readonly detect: Calibration;
  readonly segment?: Calibration | undefined;
}

/** How int8 is calibrated and checked. */
export interface TrialOptions
  extends Pick<PhotoPipelineOptions, "regions" | "maxPixels" | "pixelsInMemory">,
    PrecisionLimits {
  readonly count: Pick<CountOptions, "detect" | "segment" | "slicing" | "samples" | "decode">;
  /** Names of photos, from which some are chosen; the same of the same names. */
  readonly photos: readonly string[];
  /** Reads a photo by its name. */
  readonly read: (photo: string) => Promise<Uint8Array>;
  /** The most inputs of the network that it is calibrated on, from 1 up. Default 64. */
  readonly samples?: number | undefined;
  /** The most photos that it is checked on, from 1 up. Default 16. */
  readonly checks?: number | undefined;
  /** Called before each photo. */
  readonly onProgress?: ((progress: TrialProgress) => void) | undefined;
  readonly logger?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The photo of a trial that is next. */
export interface TrialProgress {
  readonly step: "calibrate" | "check";
  readonly done: number;
  readonly total: number;
}

/** What a trial found: what int8 needs, and how it counts. */
export interface TrialResult {
  readonly calibrations: Calibrations;
  readonly proof: PrecisionProof;
}

const methods: readonly RangeMethod[] = ["extremes", "percentile"];

/** More photos show no more than their slices do. */
const mostCalibrationPhotos = 64;

/**
 * Calibrates a recipe's models on some of the photos, and counts on others in float32 and in int8,
 * on the CPU. Of the two ways to make ranges it takes the one that is not refused, or whose objects
 * match better.
 *
 * @throws `INVALID_ARGUMENT`, `PRECISION_REFUSED` for fewer than two photos that can be read, or
 *   none with a region, `MODEL_…`, `ORT_FAILED`
 */
export async function tryInt8(options: TrialOptions): Promise<TrialResult> {
  const { samples = 64, checks = 16 } = options;
  checkOptions({ samples, checks }, wholeNumberFrom(1));
  checkOptions({ tolerance: options.tolerance }, numberFrom(0));
  const trial = new Int8Trial({ ...options, samples, checks });
  return await trial.run();
}

type CheckedTrialOptions = TrialOptions & { readonly samples: number; readonly checks: number };

class Int8Trial {
  readonly #options: CheckedTrialOptions;
  readonly #calibrationPhotos: readonly string[];
  readonly #checkPhotos: readonly string[];

  constructor(options: CheckedTrialOptions) {
    const { photos, samples, checks } = options;
    const chosen = shuffle([...new Set(photos)]);
    const checkCount = Math.min(checks, Math.ceil(chosen.length / 3));
    this.#options = options;
    this.#checkPhotos = chosen.slice(0, checkCount);
    const most = Math.min(samples, mostCalibrationPhotos);
    this.#calibrationPhotos = chosen.slice(checkCount, checkCount + most);
  }

  async run(): Promise<TrialResult> {
    const { calibratedOn, calibrations } = await this.#calibrate();
    const proofs = await this.#check(calibrations, calibratedOn);
    const isRefused = (proof: PrecisionProof) => whyRefused(proof, this.#options) !== undefined;
    const [best] = proofs.toSorted(
      (a, b) => Number(isRefused(a)) - Number(isRefused(b)) || b.matchedShare - a.matchedShare,
    );
    if (best === undefined || best.checkedOn === 0) throw this.#tooFewPhotos();
    return { proof: best, calibrations: calibrations[best.method] };
  }

  async #calibrate() {
    const { count, samples, signal } = this.#options;
    await using stack = new AsyncDisposableStack();
    const open = async (file: string) =>
      stack.use(await openObservedModel(await identifyModelFile(file), { signal }));
    const detect = await open(count.detect.file);
    const segment = count.segment && (await open(count.segment.file));
    const perPhoto = Math.ceil(samples / Math.max(1, this.#calibrationPhotos.length));
    const { maxPixels, pixelsInMemory, regions } = this.#options;
    const models = {
      detect: use(detect, count.detect.options),
      segment: segment && use(segment, count.segment?.options),
      regions,
      slicing: count.slicing && new SomeSlices(count.slicing, perPhoto),
    };
    const withGrey = [detect, segment].some((observed) => observed?.model.channels === 1);
    const openOptions = { ...count.samples, maxPixels, pixelsInMemory, withGrey, signal };
    const calibratedOn = await this.#each(
      "calibrate",
      this.#calibrationPhotos,
      async (bytes, source) => {
        await using photo = await openPhoto(bytes, openOptions);
        const times = new StepTimes<string>({});
        await new CountablePhoto(photo, models, times).count({ source, signal });
      },
    );
    // Where there is no region, nothing is detected.
    if (calibratedOn === 0 || detect.runs === 0) throw this.#tooFewPhotos();
    const of = (method: RangeMethod): Calibrations => ({
      detect: detect.calibration(method),
      segment: segment?.calibration(method),
    });
    const calibrations = { extremes: of("extremes"), percentile: of("percentile") };
    return { calibratedOn, calibrations };
  }

  /** Photo by photo, so that whatever else the machine does slows all down. */
  async #check(
    calibrations: Readonly<Record<RangeMethod, Calibrations>>,
    calibratedOn: number,
  ): Promise<readonly PrecisionProof[]> {
    const { count, regions, maxPixels, pixelsInMemory, signal, logger } = this.#options;
    // Threads that spin would count as work.
    const alone = { device: "cpu", cpuRuns: 1, cpuSpinning: false } as const;
    const cache = new ModelCache({ models: {}, ...alone, logger: logger ?? silentLogger });
    await using stack = new AsyncDisposableStack();
    stack.use(cache);
    const pipelineOf = async (prefix: string, of: Partial<Calibrations>) => {
      const model = async (role: ModelRole): Promise<ModelUse | undefined> => {
        const { file, options } = count[role] ?? {};
        if (file === undefined) return undefined;
        const calibration = of[role];
        const name = `${prefix} ${role}`;
        cache.add(name, calibration === undefined ? file : { file, calibration });
        return { model: stack.use(await cache.acquire(name, { signal })).model, options };
      };
      const detect = (await model("detect"))!;
      const { slicing, samples, decode } = count;
      const segment = await model("segment");
      const how = { slicing, samples, decode, maxPixels, pixelsInMemory };
      const what = { detect, segment, regions, ...how };
      return new PhotoPipeline(what);
    };
    const float32 = await pipelineOf("float32", {});
    const candidates = await Promise.all(
      methods.map(async (method) => ({
        method,
        pipeline: await pipelineOf(method, calibrations[method]),
        tally: new ProofTally(),
      })),
    );
    await this.#each("check", this.#checkPhotos, async (bytes, photo) => {
      const how = { source: photo, signal };
      const expected = await withCpuTime(() => float32.process(bytes, how));
      for (const { pipeline, tally } of candidates) {
        const came = await withCpuTime(() => pipeline.process(bytes, how));
        const cpuMs = { float32: expected.cpuMs, int8: came.cpuMs };
        tally.add({ photo, float32: expected.result, int8: came.result, cpuMs });
      }
    });
    return candidates.map(({ method, tally }) => tally.proof({ method, calibratedOn }));
  }

  /** Returns how many photos could be used. One that fails would fail in the run, too. */
  async #each(
    step: TrialProgress["step"],
    photos: readonly string[],
    work: (bytes: Uint8Array, photo: string) => Promise<void>,
  ): Promise<number> {
    const { read, onProgress, signal } = this.#options;
    let used = 0;
    for (const [done, photo] of photos.entries()) {
      signal?.throwIfAborted();
      onProgress?.({ step, done, total: photos.length });
      try {
        await work(await read(photo), photo);
        used++;
      } catch (error) {
        if (!isOrangeryError(error) || error.blames !== "photo") throw error;
      }
    }
    return used;
  }

  #tooFewPhotos(): OrangeryError {
    return new OrangeryError(
      "PRECISION_REFUSED",
      "Expected photos to calibrate int8 on and others to check it on, got " +
        `${this.#options.photos.length}, or none that can be read and has a region. ` +
        "Give 20 or more.",
      { details: { photos: this.#options.photos.length } },
    );
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

/** Calls `work`, and measures the CPU time that the process takes meanwhile. */
async function withCpuTime(work: () => Promise<PhotoResult>) {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, cpuMs: (user + system) / 1000 };
}

function use({ model }: ObservedYoloModel, options: ModelUse["options"]): ModelUse {
  return { model, options };
}

/** In an order that says nothing of the photos, and is the same in whatever folder they lie. */
function shuffle(photos: readonly string[]): readonly string[] {
  return photos
    .map((photo) => ({ photo, key: `${hash("sha256", basename(photo))} ${photo}` }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map(({ photo }) => photo);
}
