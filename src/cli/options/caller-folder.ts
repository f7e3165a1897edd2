import { relative, resolve, sep } from "node:path";
import { printable } from "../../base/printable.ts";

/**
 * The folder that paths on the command line are relative to: where the user is. npm moves to the
 * package's folder before it runs the script `orangery` of this repository and says in INIT_CWD where
 * it was called from. In scripts of other packages the working directory is what their authors meant.
 */
export function callerFolder(env: NodeJS.ProcessEnv = process.env): string {
  const isOurScript = env.npm_package_name === "orangery" && env.npm_lifecycle_event === "orangery";
  return (isOurScript && env.INIT_CWD) || process.cwd();
}

/** A path from the command line as an absolute one. */
export function fromCaller(path: string): string {
  return resolve(callerFolder(), path);
}

/** A photo from the command line: a path as an absolute one, a name such as `s3://…` as it is. */
export function photoFromCaller(name: string): string {
  return isUrl(name) ? name : fromCaller(name);
}

/** A path for people: relative to where the user is, if it is below, and printable. */
export function displayPath(path: string): string {
  return printable(isUrl(path) ? path : shorter(path));
}

function shorter(path: string): string {
  const below = relative(callerFolder(), path);
  return below === "" || below === ".." || below.startsWith(`..${sep}`) ? path : below;
}

function isUrl(name: string): boolean {
  return /^[a-z][a-z0-9]+:\/\//i.test(name);
}
