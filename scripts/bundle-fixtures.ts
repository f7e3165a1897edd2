/**
 * Bundles what tests start again and again as processes: a start takes half of what it takes from
 * the sources, whose modules are hundreds, and Redis' and BullMQ's are hundreds more.
 */
import { join } from "node:path";
import { build } from "esbuild";

/** Packages that are binaries, or that hardly any process needs. */
const external = ["@aws-sdk/client-s3", "koffi", "libheif-js", "pg", "sharp"];

/** For packages that are CommonJS. */
const banner = `import { createRequire as requireFrom } from "node:module";
const require = requireFrom(import.meta.url);
const [__filename, __dirname] = [import.meta.filename, import.meta.dirname];`;

/** @param folder in the repository, so that the program's files are found from there */
export async function bundleFixtures(folder: string): Promise<void> {
  await build({
    absWorkingDir: join(import.meta.dirname, ".."),
    entryPoints: [
      "test/artifacts.fixture.ts",
      "test/fleet-worker.fixture.ts",
      "test/fleet-tasks.fixture.ts",
      "src/fleet/count/count-worker.ts",
      "src/fleet/celery/serve/celery-module.ts",
    ],
    entryNames: "[name]",
    chunkNames: "shared/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "es2024",
    external,
    banner: { js: banner },
    outdir: folder,
    logLevel: "warning",
  });
}
