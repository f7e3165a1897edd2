import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { OrangeryError } from "../errors.ts";
import { describeFile } from "../graph/file-signature.ts";
import { sampleModelFile } from "./sample-model.ts";

/** A model file as it is on disk now. */
export interface ModelFile {
  /** Absolute path. */
  readonly path: string;
  readonly bytes: number;
  /** Identity of the contents, in hexadecimal. */
  readonly sha256: string;
}

/**
 * Turns a model's name into a path: `sample:seedlings` and `sample:beds` are the models that come
 * with Orangery, everything else is a path already.
 */
export async function resolveModelFile(nameOrPath: string): Promise<string> {
  return nameOrPath.startsWith("sample:")
    ? await sampleModelFile(nameOrPath.slice("sample:".length))
    : resolve(nameOrPath);
}

/** Hashes that this process has computed, by path; valid while the file's stamp is the same. */
const hashes = new Map<string, { readonly stamp: string; readonly sha256: Promise<string> }>();

/**
 * Identifies a model file by its contents. The hash is computed once and again only when the
 * file's size, time or inode has changed, so asking is as cheap as one `stat`.
 *
 * @throws OrangeryError `MODEL_NOT_FOUND`
 */
export async function identifyModelFile(nameOrPath: string): Promise<ModelFile> {
  const path = await resolveModelFile(nameOrPath);
  const { stamp, bytes } = await readStamp(path);
  let known = hashes.get(path);
  if (known?.stamp !== stamp) {
    const reading = { stamp, sha256: hashFile(path) };
    known = reading;
    hashes.set(path, reading);
    // A failure is forgotten: the next caller reads the file again.
    reading.sha256.catch(() => {
      if (hashes.get(path) === reading) hashes.delete(path);
    });
  }
  return { path, bytes, sha256: await known.sha256 };
}

async function readStamp(path: string): Promise<{ stamp: string; bytes: number }> {
  try {
    const stats = await stat(path, { bigint: true });
    if (!stats.isFile()) throw new Error("it is not a file");
    return {
      stamp: `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`,
      bytes: Number(stats.size),
    };
  } catch (cause) {
    throw notFound(path, cause);
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  try {
    await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  } catch (cause) {
    throw notFound(path, cause);
  }
  return hash.digest("hex");
}

function notFound(path: string, cause: unknown): OrangeryError {
  const why = (cause as NodeJS.ErrnoException).code ?? (cause as Error).message;
  return new OrangeryError(
    "MODEL_NOT_FOUND",
    `Expected a model file at \`${path}\`, but it cannot be read (${why}). Give the path of an ONNX model, or sample:seedlings or sample:beds.`,
    { cause, details: { path } },
  );
}

/** What a file that is no ONNX model seems to be, from its first bytes. */
export async function describeModelFile({ path, bytes }: ModelFile): Promise<string> {
  if (bytes === 0) return describeFile(new Uint8Array());
  await using file = await open(path);
  const start = Buffer.alloc(64);
  const { bytesRead } = await file.read(start, 0, start.length, 0);
  return describeFile(start.subarray(0, bytesRead), bytes);
}
