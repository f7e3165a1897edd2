/**
 * Writes the JavaScript of the package into `dist/`. Modules that are always loaded together share
 * a file: a short command spends most of its time on finding, reading and linking hundreds of them.
 * Kysely alone has 250, so it is put in as well; every other package is left out.
 */
import { cpSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join, posix } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const exported = Object.values<string | { default: string }>(manifest.exports)
  .filter((target) => typeof target === "object")
  .map((target) => target.default.replace("./dist/", "src/").replace(/js$/, "ts"));

/** Says which Node is needed. It must run before the shared files, which an older one cannot. */
const requiredRuntime = "src/base/required-runtime.ts";

await build({
  absWorkingDir: root,
  entryPoints: [
    ...exported,
    requiredRuntime,
    // What processes and threads start with.
    "src/cli/main.ts",
    "src/cli/worker-main.ts",
    "src/doctor/measured/measuring-process.ts",
    "src/fleet/count/count-worker.ts",
    "src/fleet/celery/serve/celery-module.ts",
    "src/native/providers/plugin-probe.ts",
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
for (const file of exported.map(outputOf)) {
  const first = posix.relative(posix.dirname(file), outputOf(requiredRuntime));
  const path = join(root, file);
  const specifier = first.startsWith(".") ? first : `./${first}`;
  writeFileSync(path, `import ${JSON.stringify(specifier)};\n${readFileSync(path, "utf8")}`);
}
cpSync(join(root, "node_modules/kysely/LICENSE"), join(root, "dist/shared/LICENSE-kysely"));

function outputOf(source: string): string {
  return source.replace("src/", "dist/").replace(/ts$/, "js");
}
