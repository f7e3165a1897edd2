import { isOrangeryError, OrangeryError } from "../../errors.ts";
import type { PhotoResult } from "../../ledger/results/result-rows.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import type { ReducedPrecision } from "../../models/files/model-file.ts";
import { openReduced } from "../../vision/photo/open-photo.ts";
import type { ModelUse } from "../count/model-use.ts";
import { PhotoPipeline, type PhotoPipelineOptions } from "../count/photo-pipeline.ts";
import { Slicing } from "../count/slicing.ts";
import type { CountOptions, ModelRole } from "../recipe/count-recipe.ts";
import { type PrecisionLimits, type PrecisionProof, ProofTally } from "./precision-proof.ts";
import {
  chooseUsable,
  describeUsable,
  type UnusedPhoto,
  type UsablePhotos,
} from "./usable-photos.ts";

/** How a precision is tried. */
export interface TrialOptions
  extends Pick<PhotoPipelineOptions, "regions" | "maxPixels" | "pixelsInMemory">,
    PrecisionLimits {
  readonly count: Pick<CountOptions, "detect" | "segment" | "slicing" | "samples" | "decode">;
  /**
   * Names of photos, from which some are chosen; the same of the same names and contents. Those
   * with the same contents count once.
   */
  readonly photos: readonly string[];
  /** Reads a photo by its name. */
  readonly read: (photo: string) => Promise<Uint8Array>;
  /** The most photos that it is checked on, from 1 up. Default 16. */
  readonly checks?: number | undefined;
  /** Fewer photos that can be used are refused. Default 1, for int8 2. */
  readonly leastPhotos?: number | undefined;
  /** Called before each photo. */
  readonly onProgress?: ((progress: TrialProgress) => void) | undefined;
  /** Called for each photo that cannot be used, or is a copy of one that is. */
  readonly onUnused?: ((photo: UnusedPhoto) => void) | undefined;
  readonly logger?: Logger | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The photo of a trial that is next. */
export interface TrialProgress {
  readonly precision: PrecisionProof["precision"];
  readonly step: "choose" | "calibrate" | "check";
  readonly done: number;
  readonly total: number;
}

/** Returns what is left of options when those of a trial are taken out. */
export function withoutTrialOptions(options: Partial<TrialOptions>) {
  const { regions, maxPixels, pixelsInMemory, tolerance, count, photos, ...others } = options;
  const { read, checks, leastPhotos, onProgress, onUnused, logger, signal, ...rest } = others;
  return rest;
}

/** What the models of a recipe compute in. */
export interface ReducedModels {
  readonly detect: ReducedPrecision;
  readonly segment?: ReducedPrecision | undefined;
}

/** What is tried beside float32. */
export interface Candidate extends Pick<PrecisionProof, "precision" | "method" | "calibratedOn"> {
  readonly models: ReducedModels;
}

export interface CheckOptions {
  readonly candidates: readonly Candidate[];
  /** Called when the models are loaded. */
  readonly photos: () => Promise<readonly string[]>;
  /** Where it is tried, as `ModelCache` takes it. */
  readonly device: string;
  /** Whether it must not be tried on the CPU, where no other device can be used. */
  readonly refusesCpu?: boolean | undefined;
}

export interface ChoiceOptions extends Pick<TrialProgress, "precision"> {
  /** As many are wanted. */
  readonly most: number;
  readonly least: number;
  readonly purpose: string;
}

/** Why a trial ends where photos could be read first and not afterwards. */
export const goneSince = "they could be read at first, and not afterwards";

/** A trial on photos: what is tried counts beside float32, photo by photo. */
export class PrecisionTrial {
  readonly #options: TrialOptions;
  #usable: UsablePhotos | undefined;

  constructor(options: TrialOptions) {
    this.#options = options;
  }

  /**
   * Chooses photos, and makes sure first that each can be read.
   *
   * @param purpose What photos are needed for, as a message has it.
   * @throws `PRECISION_REFUSED` for too few
   */
  async choose({ precision, most, least, purpose }: ChoiceOptions): Promise<readonly string[]> {
    const { photos, read, onProgress, onUnused, signal } = this.#options;
    const usable = await chooseUsable(photos, {
      most: Math.max(most, least),
      read,
      look: this.#look,
      onLook: (done) => {
        signal?.throwIfAborted();
        onProgress?.({ precision, step: "choose", done, total: Math.min(most, photos.length) });
      },
      onUnused,
    });
    this.#usable = usable;
    if (usable.photos.length < least) throw this.tooFewPhotos(purpose);
    return usable.photos;
  }

  /** Throws the error with which a run would refuse a photo before running its networks. */
  readonly #look = async (bytes: Uint8Array, source: string): Promise<void> => {
    const { count, regions, maxPixels, pixelsInMemory, signal } = this.#options;
    // A JPEG is read to its end also where an eighth of it is decoded, in a third of the time.
    const wantedWhOf = ([width, height]: readonly [number, number]) =>
      [Math.ceil(width / 8), Math.ceil(height / 8)] as const;
    const how = { ...count.samples, maxPixels, pixelsInMemory, signal, wantedWhOf };
    await using photo = await openReduced(bytes, how);
    const { widthPx, heightPx } = photo.pixels;
    regions?.of({ source, sizeWh: [widthPx, heightPx] });
    if (count.slicing !== undefined) new Slicing(count.slicing).plan([widthPx, heightPx]);
  };

  /**
   * Counts in float32 and as each candidate. Photo by photo, so that whatever else the machine does
   * slows all down.
   *
   * @throws `DEVICE_UNAVAILABLE` where there is only the CPU and it is refused
   */
  async check(options: CheckOptions): Promise<readonly PrecisionProof[]> {
    const { candidates, photos, device } = options;
    const { logger = silentLogger, signal } = this.#options;
    // Spinning threads would count as work.
    const alone = { device, cpuRuns: 1, cpuSpinning: false } as const;
    await using cache = new ModelCache({ models: {}, ...alone, logger });
    await using stack = new AsyncDisposableStack();
    const float32 = await this.#pipeline("float32", {}, { cache, stack });
    const onCpu = float32.detect.deviceKind === "cpu";
    if (onCpu && options.refusesCpu) throw onlyCpu(device);
    const tried = await Promise.all(
      candidates.map(async ({ models, ...how }) => ({
        how: { ...how, device: float32.detect.device },
        ...(await this.#pipeline(`${how.precision} ${how.method ?? ""}`, models, { cache, stack })),
        tally: new ProofTally(),
      })),
    );
    const timed = onCpu ? withCpuTime : withInferenceTime;
    const step = { precision: candidates[0]!.precision, step: "check" } as const;
    await this.each(step, await photos(), {
      work: async (bytes, photo) => {
        const how = { source: photo, signal };
        const expected = await timed(() => float32.pipeline.process(bytes, how));
        for (const { pipeline, tally } of tried) {
          const came = await timed(() => pipeline.process(bytes, how));
          const ms = { float32: expected.ms, tried: came.ms };
          tally.add({ photo, float32: expected.result, tried: came.result, ms });
        }
      },
    });
    return tried.map(({ how, tally }) => tally.proof(how));
  }

  /** Returns how many photos could be used. Every photo was readable when it was chosen. */
  async each(
    what: Pick<TrialProgress, "precision" | "step">,
    photos: readonly string[],
    { work }: { readonly work: (bytes: Uint8Array, photo: string) => Promise<void> },
  ): Promise<number> {
    const { read, onProgress, onUnused, signal } = this.#options;
    let used = 0;
    for (const [done, photo] of photos.entries()) {
      signal?.throwIfAborted();
      onProgress?.({ ...what, done, total: photos.length });
      try {
        await work(await read(photo), photo);
        used++;
      } catch (error) {
        if (!isOrangeryError(error) || error.blames !== "photo") throw error;
        onUnused?.({ photo, error });
      }
    }
    return used;
  }

  /** @param reason Why those that there are do not do. */
  tooFewPhotos(purpose: string, reason?: string): OrangeryError {
    const { photos, unreadableCount: unreadable, sameCount: same } = this.#usable!;
    const came = [describeUsable(this.#usable!), ...(reason === undefined ? [] : [reason])];
    return new OrangeryError(
      "PRECISION_REFUSED",
      `Expected photos to ${purpose}, got ${came.join("; ")}. Give 20 or more.`,
      { details: { photos: this.#options.photos.length, usable: photos.length, unreadable, same } },
    );
  }

  async #pipeline(
    prefix: string,
    models: Partial<ReducedModels>,
    { cache, stack }: { readonly cache: ModelCache; readonly stack: AsyncDisposableStack },
  ) {
    const { count, regions, maxPixels, pixelsInMemory, signal } = this.#options;
    const use = async (role: ModelRole): Promise<ModelUse | undefined> => {
      const { file, options } = count[role] ?? {};
      if (file === undefined) return undefined;
      const name = `${prefix} ${role}`;
      cache.add(name, { file, ...models[role] });
      return { model: stack.use(await cache.acquire(name, { signal })).model, options };
    };
    const detect = (await use("detect"))!;
    const segment = await use("segment");
    const { slicing, samples, decode } = count;
    const how = { slicing, samples, decode, maxPixels, pixelsInMemory };
    const pipeline = new PhotoPipeline({ detect, segment, regions, ...how });
    return { detect: detect.model, pipeline };
  }
}

type Timed = (work: () => Promise<PhotoResult>) => Promise<{ result: PhotoResult; ms: number }>;

/** Measures the CPU time that the process takes meanwhile. */
const withCpuTime: Timed = async (work) => {
  const before = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(before);
  return { result, ms: (user + system) / 1000 };
};

/**
 * Measures the runs of the networks, the shorter of two times: in the first run of a size a GPU
 * chooses its kernels, which takes seconds.
 */
const withInferenceTime: Timed = async (work) => {
  const first = await work();
  const result = await work();
  const ms = Math.min(...[first, result].map(({ timingsMs }) => timingsMs.inference ?? 0));
  return { result, ms };
};

function onlyCpu(device: string): OrangeryError {
  return new OrangeryError(
    "DEVICE_UNAVAILABLE",
    `Expected a GPU to try float16 on, got the CPU for the device ${device}. Use float32.`,
    { details: { device } },
  );
}
