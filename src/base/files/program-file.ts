import { readFileSync } from "node:fs";
import { extname } from "node:path";

const manifest = import.meta.resolve("orangery/package.json");

/** This module's extension, and so that of all: `.ts` in the repository, `.js` in the package. */
const extension = extname(import.meta.url);

const folder = new URL(extension === ".ts" ? "src/" : "dist/", manifest);

/**
 * Returns the URL of a file that comes with the program, by its path in `src/`. The package bundles
 * many modules into one file, so a module's own URL leads nowhere.
 */
export function programFile(path: string): URL {
  return new URL(path, folder);
}

/**
 * Returns the URL of the entry module of a thread or process, by its path in `src/` without the
 * extension. scripts/bundle.ts has to list it.
 */
export function programModule(path: string): URL {
  return programFile(path + extension);
}

/** Returns the version of the package. */
export function programVersion(): string {
  return JSON.parse(readFileSync(new URL(manifest), "utf8")).version;
}
