import { homedir, userInfo } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { OrangeryError } from "../../errors.ts";
import { makeFolder } from "./whole-file.ts";

/** The environment variable that names the folder of artifacts. */
export const cacheVariable = "ORANGERY_CACHE";

/**
 * Returns `ORANGERY_CACHE`, or else the platform's cache folder; undefined for a user without a
 * home, as in some containers. A relative `XDG_CACHE_HOME` is ignored, as its specification
 * requires.
 */
export function cacheFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  const given = env[cacheVariable];
  if (given) return resolve(given);
  if (platform === "win32" && env.LOCALAPPDATA) {
    return join(env.LOCALAPPDATA, "orangery", "cache");
  }
  const { XDG_CACHE_HOME: caches = "" } = env;
  if (platform !== "darwin" && isAbsolute(caches)) return join(caches, "orangery");
  const home = homeFolder();
  if (home === undefined) return undefined;
  if (platform === "darwin") return join(home, "Library", "Caches", "orangery");
  return join(home, ".cache", "orangery");
}

/**
 * Returns the folder of Node's compile cache, which speeds up the next start; undefined without a
 * cache folder, and while coverage is measured, which it would make less exact.
 */
export function compiledFolder(env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folder = cacheFolder(env);
  return folder === undefined || env.NODE_V8_COVERAGE ? undefined : join(folder, "compiled");
}

/**
 * Makes that folder and returns it; undefined if that is impossible. Node's own `mkdir` may never
 * end (see `makeFolder`).
 */
export async function makeCompiledFolder(
  env: NodeJS.ProcessEnv = process.env,
): Promise<string | undefined> {
  const folder = compiledFolder(env);
  if (folder === undefined) return undefined;
  return await makeFolder(folder).then(
    () => folder,
    () => undefined,
  );
}

/** The environment variable that limits the size of all artifacts. */
const limitVariable = "ORANGERY_CACHE_MAX_BYTES";
/** About 50 networks of the size of YOLO11m. */
const defaultLimitBytes = 4 * 1024 ** 3;

/** Returns the limit for the bytes of all artifacts. @throws `INVALID_ARGUMENT` */
export function cacheLimitBytes(env: NodeJS.ProcessEnv = process.env): number {
  const text = env[limitVariable];
  if (!text) return defaultLimitBytes;
  const value = Number(text);
  if (value >= 0) return value;
  throw new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected ${limitVariable} to be a number of bytes from 0 up, got \`${text}\`.`,
    { details: { variable: limitVariable, value: text } },
  );
}

/** Returns the folder of artifacts; undefined where there is no cache folder. */
export function artifactFolder(): string | undefined {
  const folder = cacheFolder();
  return folder && join(folder, "artifacts");
}

function homeFolder(): string | undefined {
  const ways = [homedir, () => userInfo().homedir];
  for (const way of ways) {
    try {
      const home = way();
      // HOME may be empty or relative, and would lead into the current folder.
      if (isAbsolute(home)) return home;
    } catch {
      // There is neither HOME nor a passwd entry for the user.
    }
  }
  return undefined;
}
