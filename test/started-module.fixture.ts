import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Set by scripts/run-tests.ts: a folder of bundled modules, which start in half the time. */
const bundledFixtures = process.env.ORANGERY_TEST_FIXTURES;

/** Bundled modules start threads of the bundled program. */
const program = join(import.meta.dirname, "..", "dist", "index.js");

/**
 * The module that a process is started with: its source, or its bundle where there is one.
 *
 * @throws for a bundle that was never made: processes and threads would be started again and again
 */
export function startedModule(source: URL): URL {
  if (bundledFixtures === undefined || source.protocol !== "file:") return source;
  const [name] = source.pathname.split("/").slice(-1);
  const bundle = join(bundledFixtures, name!.replace(/ts$/, "js"));
  for (const file of [bundle, program]) requireBuilt(file, "ORANGERY_TEST_FIXTURES");
  return pathToFileURL(bundle);
}

/** Returns a file that a variable names. */
export function requireBuilt(file: string, variable: string): string {
  if (existsSync(file)) return file;
  throw new Error(`${file} was never built: unset ${variable}, and the tests start the sources`);
}
