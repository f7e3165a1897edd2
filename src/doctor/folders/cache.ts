import { cacheFolder, cacheLimitBytes, cacheVariable } from "../../base/files/cache-folder.ts";
import { formatBytes } from "../../base/quantities.ts";
import { green, type Observation, yellow } from "../finding.ts";
import { adviceFor, inWords, tryWriting } from "./try-writing.ts";

/** A few saved models of the size of YOLO11m. */
const enoughBytes = 500e6;

/** The folder of saved models: without it everything works, and every start is slow. */
export async function lookAtCache(env: NodeJS.ProcessEnv = process.env): Promise<Observation> {
  const path = cacheFolder(env);
  const slow = "so every process loads its models anew";
  if (path === undefined) {
    return yellow(
      `There is no home folder, and ${cacheVariable} is not set, ${slow}.`,
      `Set ${cacheVariable} to a folder that stays.`,
    );
  }
  const limitBytes = cacheLimitBytes(env);
  const { exists, refusal, freeBytes = 0, isRemote } = await tryWriting(path);
  const figures = { path, exists, refusal, freeBytes, limitBytes, isRemote };
  if (refusal !== undefined) {
    return yellow(
      `Models cannot be saved in ${path}: ${inWords(refusal)}, ${slow}.`,
      adviceFor(refusal, `set ${cacheVariable} to another folder`),
      figures,
    );
  }
  if (limitBytes === 0) {
    return yellow(
      `ORANGERY_CACHE_MAX_BYTES is 0, ${slow}.`,
      "Unset it, or set it to a few gigabytes.",
      figures,
    );
  }
  const free = `${path}${exists ? "" : " (not made yet)"}, ${formatBytes(freeBytes)} free`;
  if (freeBytes < enoughBytes) {
    return yellow(
      `${free}: little room to save models.`,
      `Make room there (orangery cache list), or set ${cacheVariable} to another folder.`,
      figures,
    );
  }
  return green(`${free}.`, figures);
}
