import { existsSync } from "node:fs";
import { rename, rm, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { makeFolder, partOf } from "../../base/files/whole-file.ts";
import type { Logger } from "../../logger.ts";
import { forgetOldHashes, keepHash } from "../files/file-hash.ts";
import type { ModelFile } from "../files/model-file.ts";
import { type ArtifactIdentity, checkArtifact, networkFile, sealArtifact } from "./artifact.ts";
import { countKilled, freeDiskSpace, removeArtifact, trimArtifacts } from "./artifact-folder.ts";

/** So many processes may be killed while they save a network until one does without saving. */
const mostKilled = 3;

export interface SavedNetworkOptions {
  /** The model file that the network is of. */
  readonly file: ModelFile;
  readonly identity: ArtifactIdentity;
  /** The artifact's folder. */
  readonly place: string;
  /** The most that all artifacts may take together. */
  readonly maxBytes: number;
  /** Reports that an artifact cannot be made. */
  readonly store: { warn(error: unknown): void };
  readonly logger: Logger;
}

/**
 * The place of one artifact, and the files in it. Nothing here fails: what is damaged is removed,
 * and what cannot be saved is reported.
 */
export class SavedNetwork {
  readonly #options: SavedNetworkOptions;

  constructor(options: SavedNetworkOptions) {
    this.#options = options;
  }

  /** The artifact's folder, whether it is there or not. */
  get place(): string {
    return this.#options.place;
  }

  /** Returns the path of the network; undefined where none is saved. */
  async find(): Promise<string | undefined> {
    const { place, identity } = this.#options;
    try {
      if (!(await checkArtifact(place, identity))) return undefined;
      // The time of the last use. Where it cannot be set, the artifact only seems older.
      const now = new Date();
      await utimes(place, now, now).catch(() => {});
      return networkFile(place);
    } catch (error) {
      await this.discard(error);
      return undefined;
    }
  }

  /** Removes what cannot be used. */
  async discard(err: unknown): Promise<void> {
    const { file, place, logger } = this.#options;
    // Another process may have removed it in this moment.
    if (!existsSync(place)) return;
    logger.warn(
      { file: file.path, artifact: place, err },
      "a saved model is damaged or belongs to another; it is made again",
    );
    await removeArtifact(place).catch(() => {});
  }

  /** Begins to save the network; undefined where that cannot be. */
  async begin(): Promise<SavingNetwork | undefined> {
    const { place, file, store } = this.#options;
    const saving = new SavingNetwork(this.#options);
    try {
      await requireFewKilled(place);
      await makeFolder(dirname(saving.path));
      // A checkpoint of float16 doubles, by tiles its weights take up to 2.6 times that, and on the
      // way they are there three times.
      await freeDiskSpace(dirname(place), (file.format === "checkpoint" ? 13 : 7) * file.bytes);
      return saving;
    } catch (error) {
      store.warn(error);
      await saving[Symbol.asyncDispose]();
      return undefined;
    }
  }
}

/** Saving takes more memory than loading: where that is missing, loads must not fail for ever. */
async function requireFewKilled(place: string): Promise<void> {
  const killed = await countKilled(place);
  if (killed < mostKilled) return;
  throw new Error(
    `${killed} processes were killed while they saved this model, which takes more memory than ` +
      "loading it; give the process more memory, or clear the cache to try again at once",
  );
}

/** An artifact that is being made, beside its place. Disposing it removes what is not installed. */
export class SavingNetwork implements AsyncDisposable {
  /** Where the runtime is to save the network. */
  readonly path: string;
  readonly #options: SavedNetworkOptions;
  readonly #folder: string;

  constructor(options: SavedNetworkOptions) {
    this.#options = options;
    this.#folder = partOf(options.place);
    this.path = networkFile(this.#folder);
  }

  /** Reports that the network could not be saved. */
  fail(error: unknown): void {
    this.#options.store.warn(error);
  }

  /** Puts the artifact in its place. @returns whether one is there now */
  async install(): Promise<boolean> {
    const { file: model, place, identity, maxBytes } = this.#options;
    // A runtime that has no format of its own saves nothing.
    if (!existsSync(this.path)) return false;
    try {
      const { sha256 } = await sealArtifact(this.#folder, { identity, model });
      await this.#moveInto(place, sha256);
      await trimArtifacts(dirname(place), { maxBytes, keep: place });
      await forgetOldHashes();
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  async #moveInto(place: string, sha256: string): Promise<void> {
    try {
      await rename(this.#folder, place);
    } catch (error) {
      // Another process may have put its own there first, which is as good.
      if (existsSync(place)) return;
      throw error;
    }
    // Where it cannot be kept, the next load hashes the file.
    await keepHash(networkFile(place), sha256).catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true }).catch(() => {});
  }
}
