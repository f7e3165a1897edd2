import { hash } from "node:crypto";
import { hostname } from "node:os";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import type { PartialWork } from "../../base/partial-work.ts";
import { artifactIdentity, libraryOf } from "../../models/saved/artifact.ts";
import type { PredictOptions } from "../../models/yolo/yolo-model.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Detections } from "../../vision/detections.ts";
import { detectionsFromBytes, detectionsToBytes } from "../../vision/detections-bytes.ts";
import type { Slice } from "../../vision/photo/slice.ts";
import type { PhotoModel } from "./model-use.ts";

/** How a sliced photo resumes an interrupted attempt. */
export interface ResumeOptions {
  readonly partialWork: PartialWork;
  /**
   * Identifies the photo's pixels, such as by the hash of its file. The model, its options, the
   * slices and the device are added to it.
   */
  readonly key: string;
  /** How often what was found is kept. Default: 30 s. */
  readonly periodMs?: number | undefined;
}

/** All slices of a photo, and how they are predicted. */
export interface SlicesToKeep {
  readonly model: PhotoModel;
  readonly photoWh: readonly [number, number];
  readonly slices: readonly Slice[];
  readonly batchSize: number;
  readonly options: PredictOptions;
}

/** What was found on slices. */
export interface SliceFindings {
  /** Of each slice in its order; with gaps where slices are in flight. */
  readonly detections: readonly Detections[];
  /** Whether there may be more on one of them than the network can return. */
  readonly reachedNetworkLimit: boolean;
}

/** With fewer slices, the possible loss is not worth a request. */
const leastSlices = 64;
/** With more objects than these bytes hold, nothing more is kept. */
const mostBytes = 8 * 2 ** 20;
const mostInflatedBytes = 64 * mostBytes;
const keyBytes = 32;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/**
 * Keeps what was found on the first slices of a photo. A resumed attempt has the same result, to
 * the bit: results of another model or recipe, other slices, another version or kind of processor
 * are not used.
 */
export class SliceKeeper {
  readonly #options: ResumeOptions;
  readonly #work: SlicesToKeep;
  /** Slices without a gap from the first on that are done. */
  #done = 0;
  #kept = 0;
  #nextAt: number;
  #writing: Promise<void> | undefined;
  #isFull = false;

  constructor(options: ResumeOptions, work: SlicesToKeep) {
    this.#options = options;
    this.#work = work;
    this.#nextAt = performance.now() + this.#periodMs;
    if (work.slices.length < leastSlices) this.#isFull = true;
  }

  /** Returns what was found on the first slices; undefined where nothing can be used. */
  async restore(): Promise<SliceFindings | undefined> {
    if (this.#isFull) return undefined;
    const bytes = await this.#options.partialWork.read();
    if (bytes === undefined || !this.#key.equals(bytes.subarray(0, keyBytes))) return undefined;
    try {
      const packed = bytes.subarray(keyBytes + 1);
      const words = await inflate(packed, { maxOutputLength: mostInflatedBytes });
      const { model, photoWh } = this.#work;
      const detections = detectionsFromBytes(words, { names: model.names, photoWh });
      this.#done = this.#kept = detections.length;
      return { detections, reachedNetworkLimit: bytes[keyBytes] === 1 };
    } catch {
      // The kept bytes are damaged: start over.
      return undefined;
    }
  }

  /** Keeps what was found so far when it is time to. */
  keep(found: SliceFindings): void {
    if (performance.now() < this.#nextAt || this.#writing !== undefined) return;
    this.#writing = this.#write(found).finally(() => {
      this.#writing = undefined;
      this.#nextAt = performance.now() + this.#periodMs;
    });
  }

  /** Resolves when no write is pending: nobody would remove what is written later. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  /** Keeps what was found before the work is interrupted. Never fails. */
  async keepLast(found: SliceFindings): Promise<void> {
    await this.#writing;
    await this.#write(found);
  }

  async #write({ detections, reachedNetworkLimit }: SliceFindings): Promise<void> {
    while (detections[this.#done] !== undefined) this.#done++;
    const done = this.#done;
    if (this.#isFull || done === this.#kept) return;
    const packed = await deflate(detectionsToBytes(detections.slice(0, done)), { level: 1 });
    if (packed.length > mostBytes) {
      this.#isFull = true;
      return;
    }
    const flag = Buffer.of(reachedNetworkLimit ? 1 : 0);
    const bytes = Buffer.concat([this.#key, flag, packed]);
    await this.#options.partialWork.write(bytes).catch(() => {});
    this.#kept = done;
  }

  get #periodMs(): number {
    return this.#options.periodMs ?? 30_000;
  }

  get #key(): Buffer {
    const { model, ...work } = this.#work;
    const { identity, device, deviceKind } = model;
    const library = libraryOf(onnxRuntime);
    const key = {
      key: this.#options.key,
      computed: artifactIdentity(identity, { device, library }),
      // Two GPUs with the same name need not be of the same kind.
      machine: deviceKind === "cpu" ? undefined : hostname(),
      ...work,
    };
    return hash("sha256", JSON.stringify(key), "buffer");
  }
}
