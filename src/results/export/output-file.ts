import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { guardWriting } from "../../base/files/disk-full.ts";
import { findTarget } from "../../base/files/target-file.ts";
import { makeFolder, partOf } from "../../base/files/whole-file.ts";

/** Takes text or bytes, piece by piece. */
export interface OutputSink {
  write(piece: string | Uint8Array): Promise<void>;
}

/** Writes all pieces of a text, one after the other. */
export async function writePieces(pieces: AsyncIterable<string>, sink: OutputSink): Promise<void> {
  for await (const piece of pieces) await sink.write(piece);
}

/** Pieces are collected up to this size before they are written. */
const bufferBytes = 1 << 18;

/**
 * A file that appears whole or not at all: it is written beside its place and moved there by
 * {@link finish}. Disposed before that, it leaves the earlier file as it was.
 */
export class OutputFile implements OutputSink, AsyncDisposable {
  /** Absolute path, with links followed. */
  readonly path: string;
  readonly #part: string;
  readonly #file: FileHandle;
  #pieces: Uint8Array[] = [];
  #buffered = 0;
  #isClosed = false;

  private constructor(path: string, part: string, file: FileHandle) {
    this.path = path;
    this.#part = part;
    this.#file = file;
  }

  /**
   * Creates the part beside the file, and the folders above it where they are missing.
   *
   * @throws `NOT_WRITABLE`, `NO_SPACE`
   */
  static async create(path: string): Promise<OutputFile> {
    return await guardWriting(path, async () => {
      await makeFolder(dirname(path));
      const target = await findTarget(path);
      const part = partOf(target.path);
      return new OutputFile(target.path, part, await open(part, "w"));
    });
  }

  /** Resolves when it can take more. @throws `NO_SPACE` */
  async write(piece: string | Uint8Array): Promise<void> {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    this.#pieces.push(bytes);
    this.#buffered += bytes.byteLength;
    if (this.#buffered >= bufferBytes) await this.#flush();
  }

  /** Moves the file to its place and replaces an earlier one. @throws `NO_SPACE` */
  async finish(): Promise<void> {
    await this.#flush();
    await guardWriting(this.path, async () => {
      // Sync first: otherwise a power cut could leave an empty file under the new name.
      await this.#file.sync();
      await this.#close();
      await rename(this.#part, this.path);
    });
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await rm(this.#part, { force: true });
  }

  async #flush(): Promise<void> {
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#buffered = 0;
    if (pieces.length === 0) return;
    await guardWriting(this.path, () => this.#file.writeFile(Buffer.concat(pieces)));
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file.close();
  }
}
