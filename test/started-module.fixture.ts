import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Set by scripts/run-tests.ts: a folder of bundled modules, which start in half the time. */
const bundledFixtures = process.env.ORANGERY_TEST_FIXTURES;

/** The module that a process is started with: its source, or its bundle where there is one. */
export function startedModule(source: URL): URL {
  if (bundledFixtures === undefined || source.protocol !== "file:") return source;
  const [name] = source.pathname.split("/").slice(-1);
  return pathToFileURL(join(bundledFixtures, name!.replace(/ts$/, "js")));
}
