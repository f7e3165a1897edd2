import { OneAtATime } from "../../base/one-at-a-time.ts";
import { OrangeryError } from "../../errors.ts";
import type { Device } from "../devices/device.ts";
import { type DeviceChoice, DeviceChooser } from "../devices/device-chooser.ts";
import { readMemory, takenBytes } from "../devices/memory-reading.ts";
import { artifactFolder, cacheLimitBytes } from "../files/cache-folder.ts";
import type { ModelFile } from "../files/model-file.ts";
import { ArtifactStore } from "../saved/artifact-store.ts";
import type { YoloModel, YoloTask } from "../yolo/yolo-model.ts";
import type { CheckedCacheOptions } from "./cache-options.ts";
import { isModelAtFault, loadModel } from "./load-model.ts";

/** What a load gave, and what it took. */
export interface LoadOutcome {
  readonly model: YoloModel;
  /** False when another worker or thread of the process had the model loaded already. */
  readonly loaded: boolean;
  /** Whether it was loaded from an artifact that was there. */
  readonly fromArtifact: boolean;
  readonly loadMs: number;
  /** Memory that the load took, measured, of the process or of the GPU; 0 for a shared session. */
  readonly bytes: number;
  /** The session, which models of several workers may share. */
  readonly sessionKey: string;
  /** Memory of the session: what this thread measured when it loaded it, else its file's size. */
  readonly sessionBytes: number;
  /** Why the model is not on the device that was wanted. */
  readonly fallback: DeviceChoice<unknown>["fallback"];
}

export interface LoadRequest {
  readonly name: string;
  readonly workerId: number;
  readonly file: ModelFile;
  readonly signal: AbortSignal;
}

/** What the names `segment` and `detect` promise. */
const promisedTasks = new Map<string, YoloTask>([
  ["segment", "segment"],
  ["detect", "detect"],
]);

/** Loads models on the best device that takes them, and measures what that takes. */
export class ModelLoader {
  readonly #options: CheckedCacheOptions;
  readonly #chooser: DeviceChooser;
  readonly #artifacts: ArtifactStore;
  readonly #turns = new Map<string, OneAtATime>();
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
    this.#chooser = new DeviceChooser(options);
  }

  /** How long the run that has been going on for longest has taken so far, on any device. */
  get longestRunMs(): number {
    return Math.max(0, ...[...this.#turns.values()].map(({ busyMs }) => busyMs));
  }

  /** Gives devices that had failed a new chance. */
  forgetFailures(): void {
    this.#chooser.forget();
  }

  /** @throws what `loadModel` throws, `MODEL_WRONG_TASK`, `DEVICE_UNAVAILABLE` */
  async load({ name, workerId, file, signal }: LoadRequest): Promise<LoadOutcome> {
    const startMs = performance.now();
    const putOn = (device: Device, fallbackReason: string | undefined) =>
      this.#loadOn(device, { file, fallbackReason, signal });
    const { result, fallback } = await this.#chooser.place(workerId, putOn, {
      signal,
      isFinal: isModelAtFault,
    });
    const { model, loaded, fromArtifact, sessionKey, takenBytes: bytes } = result;
    const promised = promisedTasks.get(name);
    if (promised !== undefined && model.task !== promised) {
      await model[Symbol.asyncDispose]();
      throw wrongTask(name, file, { promised, task: model.task });
    }
    if (loaded) this.#measured.set(sessionKey, bytes);
    return {
      model,
      loaded,
      fromArtifact,
      loadMs: performance.now() - startMs,
      bytes,
      sessionKey,
      sessionBytes: this.#measured.get(sessionKey) ?? file.bytes,
      fallback,
    };
  }

  async #loadOn(
    device: Device,
    {
      file,
      fallbackReason,
      signal,
    }: { file: ModelFile; fallbackReason: string | undefined; signal: AbortSignal },
  ) {
    const before = readMemory([device.label]);
    const result = await loadModel(file, device, {
      ...this.#options,
      turns: this.#turnsOf(device),
      artifacts: this.#artifacts,
      fallbackReason,
      signal,
    });
    const taken = takenBytes(device.label, before, readMemory([device.label]));
    // Memory that the process had to spare does not show; the weights take at least their size.
    return { ...result, takenBytes: result.loaded ? Math.max(taken, file.bytes) : 0 };
  }

  #turnsOf({ label }: Device): OneAtATime {
    let turns = this.#turns.get(label);
    if (turns === undefined) {
      turns = new OneAtATime();
      this.#turns.set(label, turns);
    }
    return turns;
  }
}

function wrongTask(
  name: string,
  file: ModelFile,
  { promised, task }: { promised: YoloTask; task: YoloTask },
): OrangeryError {
  return new OrangeryError(
    "MODEL_WRONG_TASK",
    `Expected a network to ${promised} under the name \`${name}\`, got one to ${task} (${file.path}). Give it another name, or give another file.`,
    { details: { name, expected: promised, came: task, path: file.path } },
  );
}
