import { OrangeryError } from "../../errors.ts";

/** EFBIG is a limit on the size of files, as `ulimit -f` sets. */
const fullCodes: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Whether a system call failed because the disk is full or a quota is reached. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && fullCodes.has((error as NodeJS.ErrnoException).code);
}

export interface GuardOptions {
  /** One sentence of advice for a path that cannot be written. */
  readonly advice?: string | undefined;
}

/**
 * Runs `write`, which writes to `path`, and explains its failure.
 *
 * @throws `NO_SPACE` when the disk is full, `NOT_WRITABLE` for every other failure of the file
 *   system, and what `write` throws otherwise.
 */
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
    const isFull = isDiskFull(cause);
    throw new OrangeryError(
      isFull ? "NO_SPACE" : "NOT_WRITABLE",
      `Expected to write ${path}, got ${code}. ` +
        (isFull ? "Nothing is half written: make room and start again." : advice),
      { cause, details: { path, reason: code } },
    );
  }
}
