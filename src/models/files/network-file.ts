import { checkpointToOnnx } from "./checkpoint-to-onnx.ts";
import { isCheckpoint, type ModelFile } from "./model-file.ts";

export interface NetworkFileOptions {
  /** See `createYoloModel`. */
  readonly hideShapes: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * What a runtime is given to load a model file: its path, or for a checkpoint the bytes of the ONNX
 * model that is built from it. Their memory goes when the source is disposed.
 */
export class NetworkFile implements AsyncDisposable {
  readonly #path: string;
  readonly #options: NetworkFileOptions;
  #source: Promise<string | Uint8Array> | undefined;

  constructor({ path }: ModelFile, options: NetworkFileOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** Builds at most once. @throws what `checkpointToOnnx` throws */
  async read(): Promise<string | Uint8Array> {
    this.#source ??= this.#read();
    return await this.#source;
  }

  async #read(): Promise<string | Uint8Array> {
    const path = this.#path;
    if (!(await isCheckpoint(path))) return path;
    const free = { imageSize: "dynamic", batch: "dynamic" } as const;
    return (await checkpointToOnnx(path, { ...free, ...this.#options })).bytes;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const source = await this.#source?.catch(() => undefined);
    // Left to the garbage collector, 80 MB may stay for minutes.
    if (source instanceof Uint8Array) (source.buffer as ArrayBuffer).transfer(0);
  }
}
