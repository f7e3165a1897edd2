/**
 * Writes the JavaScript of the package into `dist/`. Modules that are always loaded together share
 * a file: a short command spends most of its time on finding, reading and linking hundreds of them.
 * Kysely alone has 250, so it is put in as well; every other package is left out.
 */
import { cpSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const exported = Object.values<string | { default: string }>(manifest.exports)
  .filter((target) => typeof target === "object")
  .map((target) => target.default.replace("./dist/", "src/").replace(/js$/, "ts"));

await build({
  absWorkingDir: root,
  entryPoints: [
    ...exported,
    // What processes and threads start with.
    "src/cli/main.ts",
    "src/cli/worker-main.ts",
    "src/fleet/count/count-worker.ts",
    ...globSync("src/**/*-thread.ts", { cwd: root }),
  ],
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "es2024",
  external: Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).filter(
    (name) => name !== "kysely",
  ),
  outdir: "dist",
  outbase: "src",
  chunkNames: "shared/[name]-[hash]",
  logLevel: "warning",
});
cpSync(join(root, "node_modules/kysely/LICENSE"), join(root, "dist/shared/LICENSE-kysely"));
