import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { findTarget } from "../../base/files/target-file.ts";
import { OrangeryError } from "../../errors.ts";

/** Where text or bytes go, piece by piece. */
export interface OutputSink {
  write(piece: string | Uint8Array): Promise<void>;
}

/** Pieces are collected up to this size before they are written. */
const bufferBytes = 1 << 18;

/**
 * A file that appears whole or not at all: it is written beside its place and moved there by
 * {@link finish}. Disposing it before that leaves what was there before.
 */
export class OutputFile implements OutputSink, AsyncDisposable {
  /** Absolute path, of what links lead to. */
  readonly path: string;
  readonly #partial: string;
  readonly #file: FileHandle;
  #pieces: Uint8Array[] = [];
  #buffered = 0;
  #isClosed = false;

  private constructor(path: string, partial: string, file: FileHandle) {
    this.path = path;
    this.#partial = partial;
    this.#file = file;
  }

  /**
   * Makes the folders above it where they are missing.
   *
   * @throws `INVALID_ARGUMENT` where no file can be written, `NO_SPACE`
   */
  static async create(path: string): Promise<OutputFile> {
    return await guardWriting(path, async () => {
      await mkdir(dirname(path), { recursive: true });
      const target = await findTarget(path);
      const partial = partialPath(target.path);
      return new OutputFile(target.path, partial, await open(partial, "w"));
    });
  }

  /** Resolves when there is room for more. @throws `NO_SPACE` */
  async write(piece: string | Uint8Array): Promise<void> {
    const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
    this.#pieces.push(bytes);
    this.#buffered += bytes.byteLength;
    if (this.#buffered >= bufferBytes) await this.#flush();
  }

  /** Moves the file to its place, in which a file of that name is replaced. @throws `NO_SPACE` */
  async finish(): Promise<void> {
    await this.#flush();
    await guardWriting(this.path, async () => {
      // Or a power cut could leave the new name with nothing in it.
      await this.#file.sync();
      await this.#close();
      await rename(this.#partial, this.path);
    });
  }

  /** Idempotent. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
    await rm(this.#partial, { force: true });
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

/** Where something is written before it is moved to `path`. */
export function partialPath(path: string): string {
  return `${path}.${process.pid}.partial`;
}

const noSpace = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

export interface GuardOptions {
  /** What to do where nothing can be written. */
  readonly advice?: string;
}

/** Does what writes to `path`, and says what its failure means. */
export async function guardWriting<T>(
  path: string,
  write: () => Promise<T>,
  { advice = "Check the path and the rights of the folder." }: GuardOptions = {},
): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof OrangeryError || code === undefined) throw cause;
    const isFull = noSpace.has(code);
    throw new OrangeryError(
      isFull ? "NO_SPACE" : "INVALID_ARGUMENT",
      `Expected to write ${path}, got ${code}. ` +
        (isFull ? "Nothing is half written: make room and start again." : advice),
      { cause, details: { path, reason: code } },
    );
  }
}
