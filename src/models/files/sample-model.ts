import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeWhole } from "../../base/files/whole-file.ts";
import { OrangeryError } from "../../errors.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import type { OnnxModel } from "../../graph/onnx-nodes.ts";
import { cacheFolder, cacheVariable } from "./cache-folder.ts";

/** The models that come with Orangery, by the name after `sample:`; imported only where asked for. */
const sampleModels: Readonly<Record<string, () => Promise<OnnxModel>>> = {
  seedlings: async () =>
    (await import("../../graph/samples/seedling-detector.ts")).buildSeedlingDetector(),
  beds: async () => (await import("../../graph/samples/bed-segmenter.ts")).buildBedSegmenter(),
};

const files = new Map<string, Promise<string>>();

/**
 * The file of a sample model, in the cache folder. It is built on first use and named by its
 * contents, so a newer Orangery never runs an older sample. One that was deleted since, as temporary
 * folders are, is written again.
 *
 * @throws `MODEL_NOT_FOUND` for a name that is not a sample, or where the file cannot
 *   be written.
 */
export async function sampleModelFile(name: string): Promise<string> {
  const known = files.get(name);
  if (known !== undefined && existsSync(await known)) return await known;
  // Whoever finds it missing first writes it again, the others wait for that.
  if (files.get(name) === known) {
    const writing = writeSampleModel(name);
    files.set(name, writing);
    writing.catch(() => files.delete(name));
  }
  return await files.get(name)!;
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
  // The second for where there is no home, or one that cannot be written, as in many containers.
  const spare = join(tmpdir(), "orangery-cache");
  const folders = [cacheFolder() ?? spare, spare];
  const failures: unknown[] = [];
  for (const folder of folders) {
    try {
      return await place(folder, fileName, bytes);
    } catch (error) {
      failures.push(error);
    }
  }
  throw new OrangeryError(
    "MODEL_NOT_FOUND",
    `Expected to write the sample model ${name} into ${folders.join(" or ")}, but neither can be written (${failures.map((error) => (error as Error).message).join("; ")}). Set ${cacheVariable} to a folder that can.`,
    { cause: new AggregateError(failures), details: { name, folders } },
  );
}

async function place(folder: string, fileName: string, bytes: Uint8Array): Promise<string> {
  const file = join(folder, fileName);
  // Read and compared: what lies in a temporary folder may be anybody's.
  const there = await readFile(file).catch(() => undefined);
  if (!there?.equals(bytes)) await writeWhole(file, bytes);
  return file;
}
