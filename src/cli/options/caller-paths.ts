import { relative, resolve, sep } from "node:path";
import { printable } from "../../base/printable.ts";
import { urlScheme } from "../../base/url.ts";
import { OrangeryError } from "../../errors.ts";

/**
 * Returns the folder that paths on the command line are relative to: where the user is. npm moves
 * to the package's folder before it runs the script `orangery` of this repository, and puts the
 * folder where it was called into INIT_CWD. Scripts of other packages mean their working directory.
 */
export function callerFolder(env: NodeJS.ProcessEnv = process.env): string {
  const isOurScript = env.npm_package_name === "orangery" && env.npm_lifecycle_event === "orangery";
  return (isOurScript && env.INIT_CWD) || process.cwd();
}

/**
 * Makes a path from the command line absolute.
 *
 * @throws `INVALID_ARGUMENT` for a URL, without what it may hide
 */
export function fromCaller(path: string): string {
  const scheme = urlScheme(path);
  if (scheme !== undefined) {
    throw new OrangeryError(
      "INVALID_ARGUMENT",
      `Expected the path of a file or folder here, got a URL ${scheme}://….`,
    );
  }
  return resolve(callerFolder(), path);
}

/** Makes the path of a photo absolute, and leaves a URL such as `s3://…` as it is. */
export function photoFromCaller(name: string): string {
  return urlScheme(name) === undefined ? fromCaller(name) : name;
}

/** Makes the path of a model absolute, and leaves the name of a sample model as it is. */
export function modelFromCaller(nameOrPath: string): string {
  return nameOrPath.startsWith("sample:") ? nameOrPath : fromCaller(nameOrPath);
}

/** Formats a path for people: relative to where the user is, if it is below, and printable. */
export function displayPath(path: string): string {
  return printable(urlScheme(path) === undefined ? shorten(path) : path);
}

function shorten(path: string): string {
  const below = relative(callerFolder(), path);
  return below === "" || below === ".." || below.startsWith(`..${sep}`) ? path : below;
}
