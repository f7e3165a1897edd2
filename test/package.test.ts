/** The package as users get it: packed, unpacked beside its dependencies, imported and started. */
import assert from "node:assert/strict";
import { type ExecFileOptions, execFile, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const execute = promisify(execFile);

let folder: string;
/** A project that has the package installed, and its dependencies, and nothing else. */
let project: string;
let installed: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-package-"));
  project = join(folder, "project");
  installed = join(project, "node_modules", "orangery");
  await mkdir(installed, { recursive: true });
  const tarball = await pack();
  await run("tar", ["-xzf", tarball, "-C", installed, "--strip-components=1"]);
  for (const name of Object.keys(manifest.dependencies)) await linkDependency(name);
  await writeFile(join(project, "package.json"), JSON.stringify({ type: "module" }));
});
after(() => rm(folder, { recursive: true, force: true }));

describe("the tarball", () => {
  test("holds the command, the built code, the documents, and nothing else", async () => {
    assert.deepEqual(
      (await readdir(installed)).sort(),
      ["CHANGELOG.md", "LICENSE", "README.md", "bin", "dist", "docs", "package.json"].filter(
        (name) => existsSync(join(root, name)) || name === "dist",
      ),
    );
    assert.deepEqual(await readdir(join(installed, "bin")), ["orangery.js"]);
    for (const file of await filesIn("docs")) assert.match(file, /\.md$|^images\//);
  });

  test("has every module as JavaScript and types, other files as they are, no tests", async () => {
    const files = (await readdir(join(root, "src"), { recursive: true }))
      .map((file) => file.replaceAll("\\", "/"))
      .filter((file) => /\.\w+$/.test(file) && !/\.(test|fixture)\.\w+$/.test(file));
    const built = files.flatMap((file) =>
      file.endsWith(".ts") ? [file.replace(/ts$/, "d.ts"), file.replace(/ts$/, "js")] : [file],
    );
    const packed = (await filesIn("dist")).filter((file) => !file.startsWith("runtime/"));
    assert.deepEqual(packed, built.sort());
  });
});

describe("installed", () => {
  test("what the manifest points to is there, and nothing deeper resolves", async () => {
    const targets = Object.values<string | Record<string, string>>(manifest.exports).flatMap(
      (target) => (typeof target === "string" ? target : Object.values(target)),
    );
    for (const target of [...targets, ...Object.values<string>(manifest.bin)]) {
      assert.ok(existsSync(join(installed, target)), target);
    }
    await assert.rejects(
      evaluate(`await import("orangery/dist/models/cache/model-cache.js")`),
      /ERR_PACKAGE_PATH_NOT_EXPORTED/,
    );
  });

  test("it is imported by its name and needs no package but those it names", async () => {
    const output = await evaluate(`
      import { ModelCache } from "orangery";
      import { runtimeConformance } from "orangery/runtime-conformance";
      await using cache = new ModelCache({ models: { detect: "sample:seedlings" } });
      console.log(typeof cache.acquire, runtimeConformance.length > 0);
      const error = await cache.acquire("segment").catch((error) => error);
      console.log(error.code);
    `);
    assert.equal(output, "function true\nMODEL_NAME_UNKNOWN\n");
  });

  test("its types are found, whole, by a strict compiler", async () => {
    await writeFile(
      join(project, "typed.ts"),
      `import { ModelCache, type Prediction } from "orangery";
       import { runtimeConformance } from "orangery/runtime-conformance";
       export const cache = new ModelCache({ models: { detect: "a.onnx" }, device: "cpu" });
       export const count = (prediction: Prediction): number => prediction.detections.length;
       export const names: string[] = runtimeConformance.map(({ name }) => name);
       // @ts-expect-error: were the types missing, this would pass
       new ModelCache({ model: "a.onnx" });`,
    );
    await linkDependency("@types/node");
    await linkDependency("undici-types");
    const compilerOptions = ["--strict", "--noEmit", "--module", "nodenext", "--types", "node"];
    await runNode(
      [join(root, "node_modules", "typescript", "bin", "tsc"), ...compilerOptions, "typed.ts"],
      { cwd: project },
    );
  });

  test("the command says its version", async () => {
    const output = await runNode([join(installed, manifest.bin.orangery), "--version"]);
    assert.equal(output, `${manifest.version}\n`);
  });

  const oldNode = findOldNode();
  test("started by a Node that is too old, the command says so in one line", {
    skip: !oldNode && "no Node below the needed version on PATH",
  }, () => {
    const { status, stdout, stderr } = spawnSync(
      oldNode!.file,
      [join(installed, manifest.bin.orangery), "--version"],
      { encoding: "utf8" },
    );
    assert.equal(stdout, "");
    assert.equal(status, 1);
    assert.match(stderr, /^[^\n]+\n$/);
    for (const version of [manifest.engines.node.replace(">=", ""), oldNode!.version]) {
      assert.ok(stderr.includes(version), stderr);
    }
  });
});

describe("the examples, with the installed package", () => {
  before(async () => {
    await cp(join(root, "examples"), join(project, "examples"), { recursive: true });
  });

  test("predict-photo", async () => {
    const output = await runNode(["examples/predict-photo.ts"], { cwd: project });
    assert.match(output, /^\d+ found on \S+ in \d+ ms\n(plant \d\.\d\d \[( \d+,?){4} \]\n){3}$/);
  });

  test("count-plants", async () => {
    const output = await runNode(["examples/count-plants.ts"], { cwd: project });
    assert.match(output, /^empty-soil\.jpg: 0 plants, by region: no region\n/);
    assert.match(output, /\ntray-3\.jpg: \d+ plants, by region: \d+, \d+, \d+\n/);
    assert.match(output, /\n2 loads for 6 tasks\n$/);
  });

  test("ten-threads", async () => {
    const output = await runNode(["examples/ten-threads.ts"], { cwd: project });
    assert.match(output, /^10 threads, 1 load\nplants: (\d+)( \1){9}\n$/);
  });

  test("none is left out", async () => {
    const programs = (await readdir(join(root, "examples"))).filter((file) => file.endsWith(".ts"));
    assert.deepEqual(programs.sort(), ["count-plants.ts", "predict-photo.ts", "ten-threads.ts"]);
  });
});

/** Packs a copy of the repository, so that `dist/` of this one is left alone. */
async function pack(): Promise<string> {
  const copy = join(folder, "repository");
  const left = new Set([".git", "node_modules", "coverage", "out", "dist"]);
  for (const entry of await readdir(root)) {
    if (left.has(entry)) continue;
    await cp(join(root, entry), join(copy, entry), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"), "junction");
  const npm = process.env.npm_execpath;
  const args = ["pack", "--silent", "--pack-destination", folder];
  if (npm?.endsWith("npm-cli.js")) await runNode([npm, ...args], { cwd: copy });
  else await run("npm", args, { cwd: copy });
  return join(folder, `${manifest.name}-${manifest.version}.tgz`);
}

async function linkDependency(name: string): Promise<void> {
  const link = join(project, "node_modules", name);
  await mkdir(dirname(link), { recursive: true });
  await symlink(join(root, "node_modules", name), link, "junction");
}

async function filesIn(subfolder: string): Promise<string[]> {
  const entries = await readdir(join(installed, subfolder), {
    recursive: true,
    withFileTypes: true,
  });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .map((file) => file.slice(join(installed, subfolder).length + 1).replaceAll("\\", "/"))
    .sort();
}

async function evaluate(code: string): Promise<string> {
  return await runNode(["--input-type=module", "--eval", code], { cwd: project });
}

async function runNode(args: readonly string[], options?: ExecFileOptions): Promise<string> {
  return await run(process.execPath, args, options);
}

/** @returns What it wrote to standard output; rejects with all that it wrote when it failed. */
async function run(
  file: string,
  args: readonly string[],
  options: ExecFileOptions = {},
): Promise<string> {
  const env = {
    ...process.env,
    // Sample models are built into the temporary folder, not into the user's cache.
    ORANGERY_CACHE: join(folder, "cache"),
    // What runs here is not `src/`.
    NODE_V8_COVERAGE: undefined,
  };
  try {
    const { stdout } = await execute(file, args, { encoding: "utf8", env, ...options });
    return String(stdout);
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${file} ${args.join(" ")} failed:\n${stdout}${stderr}`, { cause });
  }
}

/** A Node of the machine, outside any `node_modules`, that the package cannot run on. */
function findOldNode(): { file: string; version: string } | undefined {
  const [neededMajor, neededMinor] = manifest.engines.node.replace(">=", "").split(".").map(Number);
  const name = process.platform === "win32" ? "node.exe" : "node";
  for (const path of (process.env.PATH ?? "").split(delimiter)) {
    const file = join(path, name);
    if (path.includes("node_modules") || !existsSync(file)) continue;
    const version = spawnSync(file, ["--version"], { encoding: "utf8" }).stdout.trim().slice(1);
    const [major = 0, minor = 0] = version.split(".").map(Number);
    if (major < neededMajor || (major === neededMajor && minor < neededMinor)) {
      return { file, version };
    }
  }
  return undefined;
}
