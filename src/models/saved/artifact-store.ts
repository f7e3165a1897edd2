import { join } from "node:path";
import type { Logger } from "../../logger.ts";
import { type ModelFile, networkIdentity } from "../files/model-file.ts";
import { artifactIdentity, artifactKey } from "./artifact.ts";
import { SavedNetwork } from "./saved-network.ts";

export interface ArtifactStoreOptions {
  /** Where artifacts lie; undefined where there is no place for them. */
  readonly folder: string | undefined;
  /** The most that they may take together; with 0 none are made. */
  readonly maxBytes: number;
  readonly logger: Logger;
}

/** A folder of artifacts. One that cannot be written is reported once and costs time only. */
export class ArtifactStore {
  readonly #options: ArtifactStoreOptions;
  #hasWarned = false;

  constructor(options: ArtifactStoreOptions) {
    this.#options = options;
  }

  /**
   * Returns the place of a model file's network, whether one is saved there or not; undefined where
   * none can be.
   */
  locate(
    file: ModelFile,
    {
      device,
      library,
    }: { readonly device: string /** Name and version. */; readonly library: string },
  ): SavedNetwork | undefined {
    const { folder, maxBytes, logger } = this.#options;
    if (maxBytes === 0) return undefined;
    if (folder === undefined) {
      this.warn(new Error("there is no home folder; set ORANGERY_CACHE to a folder"));
      return undefined;
    }
    const identity = artifactIdentity(networkIdentity(file), { device, library });
    const place = join(folder, artifactKey(identity));
    return new SavedNetwork({ file, identity, place, maxBytes, store: this, logger });
  }

  /** Warns, once, that artifacts cannot be made. */
  warn(err: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#options.logger.warn(
      { folder: this.#options.folder, err },
      "loaded models cannot be saved, so the next load will be as slow",
    );
  }
}
