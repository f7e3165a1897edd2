import { tmpdir } from "node:os";
import { formatBytes } from "../../base/quantities.ts";
import { green, type Observation, yellow } from "../finding.ts";
import { adviceFor, inWords, tryWriting } from "./try-writing.ts";

/** A photo of 300 megapixels, unpacked. */
const enoughBytes = 1e9;

/** The folder for temporary files: photos of more than 64 megapixels are unpacked into it. */
export async function lookAtTemporary(folder = tmpdir()): Promise<Observation> {
  const { exists, refusal, freeBytes = 0 } = await tryWriting(folder);
  const figures = { path: folder, refusal, freeBytes };
  const use = "photos of more than 64 megapixels and some exports";
  if (!exists && (refusal === undefined || refusal === "ENOENT")) {
    // Unlike the cache folder, it is not made.
    return yellow(
      `${folder} does not exist; ${use} fail.`,
      "Make this folder, or set TMPDIR to one that exists.",
      figures,
    );
  }
  if (refusal !== undefined) {
    return yellow(
      `Nothing can be written to ${folder}: ${inWords(refusal)}; ${use} fail.`,
      adviceFor(refusal, "set TMPDIR to another folder"),
      figures,
    );
  }
  const free = `${folder}, ${formatBytes(freeBytes)} free`;
  if (freeBytes < enoughBytes) {
    return yellow(
      `${free}: little room for ${use}.`,
      "Make room there, or set TMPDIR to a folder on a larger disk.",
      figures,
    );
  }
  return green(`${free}.`, figures);
}
