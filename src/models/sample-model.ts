import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { OrangeryError } from "../errors.ts";
import { serializeModel } from "../graph/model-writer.ts";
import type { OnnxModel } from "../graph/onnx-nodes.ts";

/** The models that come with Orangery, by the name after `sample:`; imported only where asked for. */
const sampleModels: Readonly<Record<string, () => Promise<OnnxModel>>> = {
  seedlings: async () =>
    (await import("../graph/samples/seedling-detector.ts")).buildSeedlingDetector(),
  beds: async () => (await import("../graph/samples/bed-segmenter.ts")).buildBedSegmenter(),
};

const files = new Map<string, Promise<string>>();

/**
 * The file of a sample model, in the cache folder. It is built on first use and named by its
 * contents, so a newer Orangery never runs an older sample.
 *
 * @throws OrangeryError `MODEL_NOT_FOUND` for a name that is not a sample.
 */
export async function sampleModelFile(name: string): Promise<string> {
  let file = files.get(name);
  if (file === undefined) {
    file = writeSampleModel(name);
    files.set(name, file);
    file.catch(() => files.delete(name));
  }
  return await file;
}

async function writeSampleModel(name: string): Promise<string> {
  const build = Object.hasOwn(sampleModels, name) ? sampleModels[name] : undefined;
  if (build === undefined) {
    throw new OrangeryError(
      "MODEL_NOT_FOUND",
      `Expected a sample model of ${Object.keys(sampleModels).join(", ")}, got \`${name}\`.`,
      { details: { name } },
    );
  }
  const bytes = serializeModel(await build());
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const fileName = `sample-${name}-${hash}.onnx`;
  try {
    return await place(cacheFolder(), fileName, bytes);
  } catch {
    // No home, or one that cannot be written, as in many containers.
    return await place(join(tmpdir(), "orangery-cache"), fileName, bytes);
  }
}

async function place(folder: string, fileName: string, bytes: Uint8Array): Promise<string> {
  const file = join(folder, fileName);
  if (existsSync(file)) return file;
  await mkdir(folder, { recursive: true });
  // Written beside and renamed: whoever looks sees the whole file or none.
  const part = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}.part`;
  try {
    await writeFile(part, bytes);
    await rename(part, file);
  } finally {
    await rm(part, { force: true });
  }
  return file;
}

/** `ORANGERY_CACHE_DIR`, else the platform's place for caches. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env.ORANGERY_CACHE_DIR) return env.ORANGERY_CACHE_DIR;
  if (process.platform === "win32" && env.LOCALAPPDATA) {
    return join(env.LOCALAPPDATA, "orangery", "cache");
  }
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", "orangery");
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "orangery");
}
