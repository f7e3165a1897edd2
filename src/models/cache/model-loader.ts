import { artifactFolder, cacheLimitBytes } from "../../base/files/cache-folder.ts";
import { OrangeryError } from "../../errors.ts";
import { requireCalibrationOf } from "../../graph/quantize/calibration.ts";
import { type ProcessTurns, processTurns } from "../../native/turns/process-turns.ts";
import { type Device, takesInt8 } from "../devices/device.ts";
import { DeviceChooser, type DeviceFallback } from "../devices/device-chooser.ts";
import { readMemory, takenBytes } from "../devices/memory-reading.ts";
import type { ModelFile } from "../files/model-file.ts";
import { ArtifactStore } from "../saved/artifact-store.ts";
import { requireSegmenter } from "../yolo/network-signature.ts";
import type { YoloModel } from "../yolo/yolo-model.ts";
import type { CheckedCacheOptions } from "./cache-options.ts";
import { isModelAtFault, type LoadedModel, loadModel } from "./load-model.ts";

/** A loaded model, and what loading it took. */
export interface LoadOutcome extends LoadedModel {
  readonly loadMs: number;
  /** Memory that the load took, measured, of the process or of the GPU; 0 for a shared session. */
  readonly bytes: number;
  /** Memory of the session: what this thread measured when it loaded it, else its file's size. */
  readonly sessionBytes: number;
  readonly fallback: DeviceFallback | undefined;
}

export interface LoadRequest {
  /** The name in `models`. */
  readonly name: string;
  readonly workerId: number;
  readonly file: ModelFile;
  readonly signal: AbortSignal;
}

/** The name that requires a segmenting network. Other names accept both tasks. */
const segmentName = "segment";

/** Loads models on the best device that takes them, and measures what that takes. */
export class ModelLoader {
  readonly #options: CheckedCacheOptions;
  readonly #devices: DeviceChooser;
  readonly #artifacts: ArtifactStore;
  readonly #turns = new Set<ProcessTurns>();
  /** Measured memory of sessions, by key. */
  readonly #measured = new Map<string, number>();

  /** @throws `DEVICE_UNKNOWN`, `INVALID_ARGUMENT` */
  constructor(options: CheckedCacheOptions) {
    this.#options = options;
    this.#artifacts = new ArtifactStore({
      folder: artifactFolder(),
      maxBytes: cacheLimitBytes(),
      logger: options.logger,
    });
    this.#devices = new DeviceChooser(options);
  }

  /** How long the run of this thread that has gone on for longest has taken, on any device. */
  get longestRunMs(): number {
    return Math.max(0, ...[...this.#turns].map(({ busyMs }) => busyMs));
  }

  /** Gives devices that had failed a new chance. */
  forgetFailures(): void {
    this.#devices.forget();
  }

  /**
   * @throws what `loadModel` throws, `CALIBRATION_UNFIT`, `MODEL_WRONG_TASK`,
   *   `DEVICE_UNAVAILABLE`
   */
  async load(request: LoadRequest): Promise<LoadOutcome> {
    const { workerId, file, signal } = request;
    const startMs = performance.now();
    if (file.calibration !== undefined) {
      requireOnePrecision(request);
      requireCalibrationOf(file.sha256, file.calibration);
    }
    const search = this.#devices.search(workerId);
    for (;;) {
      const device = await search.next(signal);
      const { fallback } = search;
      if (file.calibration !== undefined && !takesInt8(device)) {
        search.passOver(new Error("int8 is run on the CPU or by OpenVINO"));
        continue;
      }
      try {
        const loaded = await this.#loadOn(device, fallback?.reason, request);
        if (fallback !== undefined) this.#devices.warnOf(fallback, device);
        this.#warnOfFloat16(request, device);
        return { ...loaded, loadMs: performance.now() - startMs, fallback };
      } catch (error) {
        if (signal.aborted || isModelAtFault(error)) throw error;
        search.passOver(error);
      }
    }
  }

  /** A load is slow enough to be logged; predictions are not. */
  #warnOfFloat16({ name, file }: LoadRequest, { kind, label }: Device): void {
    if (file.precision !== "float16" || kind !== "cpu") return;
    this.#options.logger.warn(
      { name, file: file.path, device: label },
      "float16 is for GPUs; on a CPU a network of it is no faster than in float32",
    );
  }

  async #loadOn(
    device: Device,
    fallbackReason: string | undefined,
    { name, file, signal }: LoadRequest,
  ): Promise<Omit<LoadOutcome, "loadMs" | "fallback">> {
    const before = readMemory([device.label]);
    const turns = await processTurns(device.label);
    this.#turns.add(turns);
    const loaded = await loadModel(file, device, {
      ...this.#options,
      turns,
      artifacts: this.#artifacts,
      fallbackReason,
      signal,
    });
    await refuseWrongTask(name, loaded.model);
    const { sessionKey } = loaded;
    let bytes = 0;
    if (loaded.loaded) {
      // Memory that the process already had free does not show; the weights take at least their
      // size.
      const taken = takenBytes(device.label, before, readMemory([device.label]));
      bytes = Math.max(taken, file.bytes);
      this.#measured.set(sessionKey, bytes);
    }
    return { ...loaded, bytes, sessionBytes: this.#measured.get(sessionKey) ?? file.bytes };
  }
}

/** A calibration makes a network compute in int8, which excludes float16. */
function requireOnePrecision({ name, file: { precision } }: LoadRequest): void {
  if (precision === undefined) return;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected a precision or a calibration for the model \`${name}\`, got both. ` +
      "Leave out the precision for int8, the calibration for float16.",
    { details: { name } },
  );
}

/** A model that cannot do what its name promises is released. */
async function refuseWrongTask(name: string, model: YoloModel): Promise<void> {
  if (name !== segmentName) return;
  try {
    requireSegmenter(model);
  } catch (error) {
    await model[Symbol.asyncDispose]();
    throw error;
  }
}
