import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { anySignal } from "../../base/abort.ts";
import { tryAgain } from "../../base/try-again.ts";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import { fetchFailure, notFetched, type WheelAddress } from "./find-wheel.ts";
import type { Wheel } from "./provider-wheels.ts";

export interface DownloadOptions {
  /** Where it comes from; asked for when there is something left to fetch. */
  readonly find: () => Promise<WheelAddress>;
  /** Called with the bytes that are there. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The longest time without a byte. Default one minute. */
  readonly stallMs?: number | undefined;
}

const attempts = 5;

/**
 * Downloads a wheel into a file and checks its hash. A download that was stopped resumes: bytes
 * already in the file are not fetched again.
 *
 * @throws `DOWNLOAD_FAILED`, `DOWNLOAD_DAMAGED`, and what the file system throws
 */
export async function download(
  wheel: Wheel,
  file: string,
  options: DownloadOptions,
): Promise<void> {
  await fetchWhole(wheel, file, options);
  const sha256 = await hashOf(file, options.signal);
  if (sha256 === wheel.sha256) return;
  await rm(file, { force: true });
  throw damaged(wheel, `its sha256 is ${sha256}, not ${wheel.sha256}`);
}

/** Received bytes stay for the next attempt; an empty file does not. */
async function fetchWhole(
  wheel: Wheel,
  file: string,
  { find, onProgress, signal, stallMs = 60_000 }: DownloadOptions,
): Promise<void> {
  await using handle = await open(file, "a+");
  const how = { isPassing: mayPass, attempts, pauseMs: [500, 8000], signal } as const;
  try {
    await tryAgain(how, async () => {
      const { size } = await handle.stat();
      if (size > wheel.bytes) await handle.truncate(0);
      if (size === wheel.bytes) return;
      await fetchRest(await find(), { wheel, handle, onProgress, signal, stallMs });
    });
  } catch (error) {
    if ((await handle.stat()).size === 0) await rm(file, { force: true });
    throw error;
  }
}

/** A refusal is permanent: do not retry. */
function mayPass(error: unknown): boolean {
  if (!isOrangeryError(error, "DOWNLOAD_FAILED")) return false;
  const { status } = error.details as { readonly status?: number };
  return status === undefined || status >= 500 || [408, 416, 429].includes(status);
}

interface Fetching extends Pick<DownloadOptions, "onProgress" | "signal"> {
  readonly wheel: Wheel;
  readonly handle: FileHandle;
  readonly stallMs: number;
}

async function fetchRest(
  { url, headers }: WheelAddress,
  { wheel, handle, onProgress, signal, stallMs }: Fetching,
): Promise<void> {
  let { size } = await handle.stat();
  const stalled = new AbortController();
  const timer = setTimeout(() => {
    stalled.abort(new Error(`nothing came for ${stallMs / 1000} s`));
  }, stallMs);
  try {
    const response = await fetch(url, {
      headers: size === 0 ? headers : { ...headers, range: `bytes=${size}-` },
      signal: anySignal(stalled.signal, signal),
    });
    if (!response.ok || response.body === null) {
      await response.body?.cancel();
      // The server has less than what is here, or knows no ranges.
      if (response.status === 416) await handle.truncate(0);
      throw notFetched(url, `it answered ${response.status}`, { status: response.status });
    }
    // A server without range support sends the whole file from the beginning.
    if (size > 0 && startOf(response) !== size) {
      await handle.truncate(0);
      size = 0;
    }
    for await (const chunk of response.body) {
      timer.refresh();
      size += chunk.length;
      if (size > wheel.bytes) {
        await handle.truncate(0);
        throw damaged(wheel, `it has more than ${wheel.bytes} bytes`);
      }
      await handle.appendFile(chunk);
      onProgress?.(size);
    }
    if (size < wheel.bytes) throw new Error(`it ended after ${size} of ${wheel.bytes} bytes`);
  } catch (error) {
    signal?.throwIfAborted();
    // What the file system reports is not the server's fault.
    const isWriting = (error as NodeJS.ErrnoException).syscall === "write";
    if (error instanceof OrangeryError || isWriting) throw error;
    const cause = stalled.signal.aborted ? stalled.signal.reason : error;
    throw notFetched(url, fetchFailure(cause), { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** Where the bytes of an answer begin; 0 for an answer without a range. */
function startOf({ status, headers }: Response): number {
  const [, start] = /^bytes (\d+)-/.exec(headers.get("content-range") ?? "") ?? [];
  return status === 206 ? Number(start) : 0;
}

async function hashOf(file: string, signal: AbortSignal | undefined): Promise<string> {
  const hash: Hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20, signal })) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}

function damaged({ project, version }: Wheel, what: string): OrangeryError {
  return new OrangeryError(
    "DOWNLOAD_DAMAGED",
    `Expected ${project} ${version} as PyPI has it, but ${what}. It was thrown away: try again, ` +
      "and see what stands between this machine and the index where it stays so.",
    { details: { project, version } },
  );
}
