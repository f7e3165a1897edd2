import { existsSync } from "node:fs";
import { rename, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { makeFolder, partOf } from "../../base/files/whole-file.ts";
import type { Logger } from "../../logger.ts";
import { trimProcessHeap } from "../../native/process-heap.ts";
import type { Session } from "../../native/runtime.ts";
import { forgetOldHashes, keepHash } from "../files/file-hash.ts";
import type { ModelFile } from "../files/model-file.ts";
import {
  type ArtifactIdentity,
  artifactIdentity,
  artifactKey,
  checkArtifact,
  networkFile,
  sealArtifact,
} from "./artifact.ts";
import { makeRoom, removeArtifact, trimArtifacts } from "./artifact-folder.ts";

export interface ArtifactStoreOptions {
  /** Where artifacts lie; undefined where there is no place for them. */
  readonly folder: string | undefined;
  /** The most that they may take together; with 0 none are made. */
  readonly maxBytes: number;
  readonly logger: Logger;
}

/** A network that can be loaded from its own file, and be saved for quicker loads. */
export interface StorableNetwork {
  readonly file: ModelFile;
  readonly device: string;
  readonly library: string;
  /** Loads it from its own file, and saves it optimised where a path is given. */
  build(saveOptimizedTo?: string): Promise<Session>;
  /** Loads what was saved. */
  map(path: string): Promise<Session>;
  /** Whether the file is still the one that was identified. */
  isUnchanged(): Promise<boolean>;
  readonly signal: AbortSignal | undefined;
}

export interface OpenedNetwork {
  readonly session: Session;
  /** Whether it came from an artifact that was there. */
  readonly fromArtifact: boolean;
}

/**
 * Loads networks from artifacts, which it makes where there are none. Whatever goes wrong with an
 * artifact, the network is loaded from its own file: a folder that cannot be written costs time only.
 */
export class ArtifactStore {
  readonly #options: ArtifactStoreOptions;
  #hasWarned = false;

  constructor(options: ArtifactStoreOptions) {
    this.#options = options;
  }

  async open(network: StorableNetwork): Promise<OpenedNetwork> {
    const { folder, maxBytes } = this.#options;
    if (maxBytes === 0) return { session: await network.build(), fromArtifact: false };
    if (folder === undefined) {
      this.#warn(new Error("there is no home folder; set ORANGERY_CACHE to a folder"));
      return { session: await network.build(), fromArtifact: false };
    }
    const identity = artifactIdentity(network.file.sha256, network);
    const place = join(folder, artifactKey(identity));
    const found = await this.#openAt(place, identity, network);
    if (found !== undefined) return { session: found, fromArtifact: true };

    const { built, isStored } = await this.#make(place, identity, network);
    // In its place the network shares its memory with other processes, and takes less of it.
    try {
      const mapped = isStored ? await this.#openAt(place, identity, network) : undefined;
      if (mapped === undefined) return { session: built, fromArtifact: false };
      await built[Symbol.asyncDispose]();
      await trimProcessHeap();
      return { session: mapped, fromArtifact: false };
    } catch (error) {
      await built[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens the artifact that is there. One that is damaged is removed. */
  async #openAt(
    place: string,
    identity: ArtifactIdentity,
    network: StorableNetwork,
  ): Promise<Session | undefined> {
    try {
      if (!(await checkArtifact(place, identity))) return undefined;
      const session = await network.map(networkFile(place));
      // The time of the last use. Where it cannot be set, the artifact only seems older.
      const now = new Date();
      await utimes(place, now, now).catch(() => {});
      return session;
    } catch (err) {
      network.signal?.throwIfAborted();
      // Removed by another process in this moment, or damaged.
      if (!existsSync(place)) return undefined;
      this.#options.logger.warn(
        { file: network.file.path, artifact: place, err },
        "a saved model is damaged or is another's; it is made again",
      );
      await removeArtifact(place).catch(() => {});
      return undefined;
    }
  }

  /** Loads the network from its own file and leaves an artifact in its place, if that can be. */
  async #make(
    place: string,
    identity: ArtifactIdentity,
    network: StorableNetwork,
  ): Promise<{ built: Session; isStored: boolean }> {
    const part = partOf(place);
    let built: Session | undefined;
    try {
      await makeFolder(part);
      // A checkpoint of float16 doubles.
      await makeRoom(dirname(place), 3 * network.file.bytes);
      built = await network.build(networkFile(part));
      // Under the hash of a file that has been replaced meanwhile it would be another model.
      const isStored = existsSync(networkFile(part)) && (await network.isUnchanged());
      if (isStored) {
        const { sha256 } = await sealArtifact(part, { identity, model: network.file });
        await install(part, place, sha256);
        await trimArtifacts(dirname(place), { maxBytes: this.#options.maxBytes, keep: place });
        await forgetOldHashes();
      }
      return { built, isStored };
    } catch (error) {
      if (network.signal?.aborted) {
        await built?.[Symbol.asyncDispose]();
        throw error;
      }
      // What is wrong with the model itself comes out here once more.
      built ??= await network.build();
      this.#warn(error);
      return { built, isStored: false };
    } finally {
      await rm(part, { recursive: true, force: true }).catch(() => {});
    }
  }

  #warn(err: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#options.logger.warn(
      { folder: this.#options.folder, err },
      "loaded models cannot be saved, so the next load will be as slow",
    );
  }
}

/** Another process may have put its own there first, which is as good. */
async function install(part: string, place: string, sha256: string): Promise<void> {
  try {
    await rename(part, place);
  } catch (error) {
    if (existsSync(place)) return;
    throw error;
  }
  // Where it cannot be kept, the next load hashes the file.
  await keepHash(networkFile(place), sha256).catch(() => {});
}
