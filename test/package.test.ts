/**
 * The package as users get it: packed, installed by npm into an empty project, imported, started.
 */
import assert from "node:assert/strict";
import { type ExecFileOptions, execFile, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { checkPackage, Package } from "@arethetypeswrong/core";
import { publint } from "publint";
import sharp from "sharp";
import {
  makeBuildBase,
  makeDebianBase,
  makeEmptyBase,
  makeImageBase,
} from "./image/bases.fixture.ts";
import { Container, openToAll } from "./image/container.fixture.ts";
import { foreignBinaries } from "./image/foreign-binaries.fixture.ts";
import { buildImage, type Image, linkFile } from "./image/image-builder.fixture.ts";
import { type Mount, whyNoSandbox } from "./image/sandbox.fixture.ts";
import { findCelery } from "./servers/celery-python.ts";
import { freePort } from "./servers/free-port.ts";
import { openRedis, uniqueName } from "./servers/redis-server.ts";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const platform = `${process.platform}/${process.arch}`;
const execute = promisify(execFile);
const celery = findCelery();

let folder: string;
let tarball: string;
/** A project that has the package installed, and nothing else. */
let project: string;
let installed: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-package-"));
  project = join(folder, "project");
  installed = join(project, "node_modules", "orangery");
  tarball = await pack();
  await mkdir(project);
  await writeFile(join(project, "package.json"), JSON.stringify({ type: "module" }));
  // Needs the npm registry only: no script of a package is run that downloads from elsewhere.
  await npm(["install", "--prefer-offline", "--no-audit", "--no-fund", tarball], { cwd: project });
});
after(() => rm(folder, { recursive: true, force: true }));

describe("the tarball", () => {
  test("holds what the manifest lists, and nothing else", async () => {
    const always = ["LICENSE", "README.md", "package.json"];
    assert.deepEqual((await readdir(installed)).sort(), [...manifest.files, ...always].sort());
    assert.deepEqual(await readdir(join(installed, "bin")), ["orangery.js"]);
    for (const file of await filesIn("docs")) assert.match(file, /\.md$|^images\//);
    assert.deepEqual(
      await filesIn("examples"),
      (await readdirFiles(join(root, "examples"))).sort(),
    );
  });

  test("holds all that its documents link to", async () => {
    const documents = (await filesIn(".")).filter((file) => file.endsWith(".md"));
    for (const document of documents) {
      const text = await readFile(join(installed, document), "utf8");
      for (const [, target] of text.replace(/```.*?```/gs, "").matchAll(/\]\(([^)#\s]+)/g)) {
        if (/^[a-z]+:/.test(target!)) continue;
        const file = join(installed, dirname(document), target!);
        assert.ok(existsSync(file), `${document} links to ${target}`);
      }
    }
  });

  test("has the types of all modules, other files unchanged, and no tests", async () => {
    // The texts of the WebAssembly and of the operators are for their builders only.
    const files = (await readdirFiles(join(root, "src"))).filter(
      (file) => !/\.(test|fixture)\.|\.(wat|[ch])$/.test(file),
    );
    const present = (await filesIn("dist")).filter((file) => !/^(runtime|shared)\//.test(file));
    const modules = present.filter((file) => file.endsWith(".js") && !files.includes(file));
    const expected = files.map((file) => file.replace(/ts$/, "d.ts"));
    assert.deepEqual(present, [...expected, ...modules].sort());
    for (const module of modules) assert.ok(files.includes(module.replace(/js$/, "ts")), module);
  });

  test("has Kysely in it, with its licence, and imports only packages that the manifest names", async () => {
    const files = (await filesIn("dist")).filter((file) => file.endsWith(".js"));
    const texts = files.map((file) => readFileSync(join(installed, "dist", file), "utf8"));
    const imports = texts.flatMap((text) => [...text.matchAll(/ from "([^".][^"]*)";$/gm)]);
    const { dependencies, peerDependencies } = manifest;
    const named = new Set(Object.keys({ ...dependencies, ...peerDependencies, "node:": "" }));
    named.delete("kysely");
    const others = imports.map(([, name]) => /^node:|^(?:@[^/]+\/)?[^/]+/.exec(name!)![0]);
    assert.deepEqual(
      [...new Set(others)].filter((name) => !named.has(name)),
      [],
    );
    assert.match(await readFile(join(installed, "dist/shared/LICENSE-kysely"), "utf8"), /MIT/);
  });

  test("has ONNX Runtime for the platform that it was packed for, with its licence", async () => {
    const files = await filesIn("dist/runtime");
    assert.match(files.join(), new RegExp(`^LICENSE,${platform}/[^,]*onnxruntime`));
    assert.match(await readFile(join(installed, "dist/runtime/LICENSE"), "utf8"), /Microsoft/);
  });

  test("has the operators of our own", async () => {
    assert.ok((await filesIn("dist/native/kernels")).includes("linux-x64.so"));
  });

  test("is one that package managers, bundlers and compilers understand", async () => {
    // As it was unpacked: it need not be packed, or unpacked, again to know its files.
    const { messages } = await publint({ pkgDir: installed, strict: true, pack: false });
    // Whoever publishes the package adds the repository that it comes from.
    assert.deepEqual(messages, []);
    const contents: Record<string, Uint8Array> = {};
    for (const file of await filesIn(".")) {
      // Its types and programs, without 60 MB of ONNX Runtime.
      if (file.startsWith("dist/runtime/")) continue;
      contents[`/node_modules/${manifest.name}/${file}`] = await readFile(join(installed, file));
    }
    const analysis = await checkPackage(new Package(contents, manifest.name, manifest.version));
    assert.ok(analysis.types);
    const problems = analysis.problems.filter(
      // The package is for ESM and for resolvers that know `exports`.
      (problem) =>
        problem.kind !== "CJSResolvesToESM" &&
        !("resolutionKind" in problem && problem.resolutionKind === "node10"),
    );
    assert.deepEqual(problems, []);
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

  test("it takes less than a third of what the binaries of all platforms would", async () => {
    const files = await readdirFiles(join(project, "node_modules"));
    const sizes = files.map(async (file) => (await stat(join(project, "node_modules", file))).size);
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    assert.ok(bytes < 110e6, `${Math.round(bytes / 1e6)} MB`);
  });

  test("it is imported by its name and needs no package but those it names", async () => {
    const output = await evaluate(`
      import { ModelCache } from "orangery";
      import { PhotoJob } from "orangery/run";
      import { runtimeConformance } from "orangery/runtime-conformance";
      await using cache = new ModelCache({ models: { detect: "sample:seedlings" } });
      console.log(typeof cache.acquire, typeof PhotoJob.open, runtimeConformance.length > 0);
      const error = await cache.acquire("segment").catch((error) => error);
      console.log(error.code);
    `);
    assert.equal(output, "function function true\nMODEL_NAME_UNKNOWN\n");
  });

  test("its types are found, whole, by a strict compiler", async () => {
    await writeFile(
      join(project, "typed.ts"),
      `import { ModelCache, type Prediction } from "orangery";
       import { PhotoJob, readResults } from "orangery/run";
       import { runtimeConformance } from "orangery/runtime-conformance";
       export const cache = new ModelCache({ models: { detect: "a.onnx" }, device: "cpu" });
       export const count = (prediction: Prediction): number => prediction.detections.length;
       export const add = (job: PhotoJob): Promise<number> => job.add();
       export const read = readResults;
       export const names: string[] = runtimeConformance.map(({ name }) => name);
       // @ts-expect-error: were the types missing, this would pass
       new ModelCache({ model: "a.onnx" });`,
    );
    await linkDependency("@types/node");
    await linkDependency("undici-types");
    const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
    const kind = ["--strict", "--noEmit", "--module", "nodenext", "--types", "node"];
    await runNode([compiler, ...kind, "--singleThreaded", "typed.ts"], { cwd: project });
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

  test("imported by a Node that is too old, the library says what it needs", {
    skip: !oldNode && "no Node below the needed version on PATH",
  }, () => {
    const program = `import("orangery").catch(({ message }) => console.log(message))`;
    const { stdout } = spawnSync(oldNode!.file, ["--eval", program], {
      cwd: project,
      encoding: "utf8",
    });
    const needed = manifest.engines.node.replace(">=", "");
    assert.ok(stdout.startsWith(`Expected Node ${needed} or newer, got Node ${oldNode!.version}`));
  });
});

describe("the examples, with the installed package", () => {
  before(async () => {
    // Without the largest photos, or smaller: the examples count on them again and again.
    const filter = (file: string) => !/tray-[245]\.jpg$/.test(file);
    await cp(join(root, "examples"), join(project, "examples"), { recursive: true, filter });
    await sharp(join(root, "examples/photos/tray-2.jpg"))
      .resize(1152)
      .toFile(join(project, "examples/photos/tray-2.jpg"));
    for (const name of ["bullmq", "ioredis"]) await linkDependency(name);
  });

  async function runExample(...args: string[]): Promise<string> {
    return await runNode(args, { cwd: project });
  }

  test("predict-photo", async () => {
    const output = await runExample("examples/predict-photo.ts");
    assert.match(output, /^\d+ found on \S+ in \d+ ms\n(plant \d\.\d\d \[( \d+,?){4} \]\n){3}$/);
  });

  test("count-plants", async () => {
    const output = await runExample("examples/count-plants.ts");
    assert.match(output, /^empty-soil\.jpg: 0 plants, by region: no region\n/);
    assert.match(output, /\ntray-3\.jpg: \d+ plants, by region: \d+, \d+, \d+\n/);
    assert.match(output, /\n2 loads for 4 tasks\n$/);
  });

  test("count-folder, which goes on where it was, and sql-on-results", async () => {
    const first = await runExample("examples/count-folder.ts");
    assert.match(first, /^4 photos, 4 of them inferred in this run\nempty-soil\.jpg: 0 plants/);
    assert.match(first, /\ntray-3\.jpg: [1-9]\d+ plants, beds: 3\n/);
    const second = await runExample("examples/count-folder.ts");
    assert.equal(second, first.replace("4 of them", "0 of them"));
    const asked = await runExample("examples/sql-on-results.ts", "results.db");
    assert.match(asked, /^The most crowded beds:\n( {2}tray-\d\.jpg, bed \d: .*\n){3}/);
    const plants = [...first.matchAll(/: (\d+) plants/g)].map(([, count]) => Number(count));
    const total = plants.reduce((sum, count) => sum + count, 0);
    assert.ok(asked.endsWith(`\n${total} plants on 3 photos\n`), asked);
  });

  test("slices", async () => {
    const output = await runExample("examples/slices.ts");
    assert.match(output, /^[1-9]\d+ plants on 4 slices\n(slice at \d+, \d+: [1-9]\d*\n){4}$/);
  });

  test("ten-threads", async () => {
    const output = await runExample("examples/ten-threads.ts");
    assert.match(output, /^10 threads, 1 load\nplants: (\d+)( \1){9}\n$/);
  });

  test("own-queue", async () => {
    const output = await runExample("examples/own-queue.ts");
    assert.match(output, /^empty-soil\.jpg: done, 0\n(tray-\d\.jpg: done, [1-9]\d+\n){3}/);
    assert.match(output, /\nno-such-photo\.jpg: failed, PHOTO_NOT_FOUND\n1 load for 5 tasks\n$/);
  });

  test("fleet-task", async () => {
    await using redis = await openRedis();
    const output = await runNode(
      ["examples/fleet-task.ts"],
      { cwd: project },
      { ORANGERY_QUEUE_URL: redis.url },
    );
    assert.match(output, /^empty-soil\.jpg: 0 plants\n(tray-\d\.jpg: [1-9]\d+ plants\n){3}$/);
  });

  test("celery", { skip: "missing" in celery && celery.missing, timeout: 180_000 }, async () => {
    await using redis = await openRedis();
    const env = {
      PATH: dirname(process.execPath) + delimiter + process.env.PATH,
      PYTHON: (celery as { python: string }).python,
      REDIS_URL: redis.url,
    };
    const output = await run("sh", ["examples/celery/run.sh"], { cwd: project }, env);
    assert.match(output, /^(tray-\d\.jpg: [1-9]\d+ plants, beds: \d\n){3}$/);
  });

  test("none is left out", async () => {
    const programs = (await readdir(join(root, "examples"))).filter((file) => file.endsWith(".ts"));
    const tested = readFileSync(import.meta.filename, "utf8");
    for (const program of programs) assert.ok(tested.includes(`"examples/${program}"`), program);
    assert.equal(programs.length, 8);
  });
});

/**
 * `ORANGERY_TEST_IMAGES=whole` also follows the steps that take minutes: `npm ci`, a Debian as the
 * root, and 1.2 GB of CUDA's libraries.
 */
const isWhole = process.env.ORANGERY_TEST_IMAGES === "whole";

describe("the images of deploy/docker, in an empty root", { skip: whyNoSandbox() }, () => {
  let image: Image;
  let mounts: readonly Mount[];

  before(async () => {
    // The stage `build` does what pack() has done: `npm ci` and `npm run prepack`.
    const built = join(folder, "built");
    await mkdir(built);
    await symlink(join(folder, "repository"), join(built, "build"));
    linkFile(process.execPath, join(built, "usr/local/bin/node"));
    const makeRunningBase = isWhole ? makeDebianBase : makeEmptyBase;
    image = await buildImage({
      file: join(root, "deploy/docker/Dockerfile"),
      context: root,
      folder: join(folder, "stages"),
      makeBase: (name, path) => (name.startsWith("node:") ? makeBuildBase : makeRunningBase)(path),
      built: isWhole ? {} : { build: built },
    });
    mounts = [
      { from: join(root, "examples/photos"), to: "photos" },
      { from: openToAll(join(folder, "volume")), to: image.settings.volumes[0]!, isWritable: true },
    ];
  });

  test("has no binaries of other platforms, and adds less than 250 MB to its base", async () => {
    assert.deepEqual(foreignBinaries(image.root), []);
    const files = (await readdirFiles(image.root)).filter((file) =>
      /^(opt|usr\/local)\//.test(file),
    );
    const sizes = files.map(async (file) => (await stat(join(image.root, file))).size);
    const bytes = (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
    assert.ok(bytes < 250e6, `${Math.round(bytes / 1e6)} MB`);
    // One that the Dockerfile removes is found where it has not been removed.
    assert.ok(foreignBinaries(join(root, "node_modules", "@koromix")).length > 0);
  });

  test("starts the command, as any user", async () => {
    for (const user of [image.settings.user, "70000:70000"]) {
      const container = new Container({ ...image, settings: { ...image.settings, user } }, [
        "--version",
      ]);
      const { status, stdout, stderr } = await container.ended;
      assert.deepEqual([status, stdout, stderr], [0, `${manifest.version}\n`, ""]);
    }
  });

  test("has a worker that counts, with a read-only root, is healthy and stops as process 1", async () => {
    await using redis = await openRedis();
    const env = { REDIS_URL: redis.url, ORANGERY_RESULTS: "/cache/results.db" };
    const queue = ["--queue", uniqueName("image")];
    const enqueue = ["enqueue", "/photos/tray-1.jpg", "--detect", "sample:seedlings", ...queue];
    const enqueued = await new Container(image, enqueue, { mounts, env }).ended;
    assert.equal(enqueued.status, 0, enqueued.stderr);

    const port = await freePort();
    const args = ["worker", ...queue, "--devices", "cpu", "--metrics-port", String(port)];
    await using worker = new Container(image, args, { mounts, env });
    await metricsShow(port, 'orangery_tasks_total{outcome="succeeded"} 1');
    const health = await worker.execute(image.settings.health);
    assert.deepEqual(health, { status: 0, stdout: "", stderr: "" });
    worker.stop();
    const { status, stderr } = await worker.ended;
    assert.equal(status, 0, stderr);
  });

  test("on CUDA, miss nothing but the driver, and work without one on the CPU", {
    skip: !isWhole && "downloads 1.2 GB: only with ORANGERY_TEST_IMAGES=whole",
  }, async () => {
    const cuda = await buildImage({
      file: join(root, "deploy/docker/Dockerfile.cuda"),
      context: root,
      folder: join(folder, "cuda-stages"),
      makeBase: (_, path) => makeImageBase(image, path),
    });
    const listed = await new Container(cuda, ["devices"]).ended;
    assert.equal(listed.status, 0, listed.stderr);
    const misses = /not cuda:0: there is no NVIDIA driver .*\n +missing: NVIDIA's driver.*\n(?! )/;
    assert.match(listed.stdout, misses);
    const predict = ["predict", "/photos/tray-1.jpg", "--model", "sample:seedlings"];
    const predicted = await new Container(cuda, predict, { mounts }).ended;
    assert.equal(predicted.status, 0, predicted.stderr);
    assert.match(predicted.stdout, /plant/);
  });
});

/** Waits until the metrics at a port have a line. */
async function metricsShow(port: number, line: string): Promise<void> {
  for (let attempt = 1; attempt <= 600; attempt++) {
    const shown = await fetch(`http://127.0.0.1:${port}/metrics`).then(
      (response) => response.text(),
      () => "",
    );
    if (shown.split("\n").includes(line)) return;
    await sleep(100);
  }
  throw new Error(`Expected ${line} in the metrics within a minute.`);
}

/** Packs a copy of the repository, so that `dist/` of this one is left alone. */
async function pack(): Promise<string> {
  const copy = join(folder, "repository");
  const left = new Set([".git", ".cache", "node_modules", "coverage", "out", "dist"]);
  for (const entry of await readdir(root)) {
    if (left.has(entry)) continue;
    await cp(join(root, entry), join(copy, entry), { recursive: true });
  }
  await symlink(join(root, "node_modules"), join(copy, "node_modules"), "junction");
  const args = ["pack", "--silent", "--pack-destination", folder];
  await npm(args, { cwd: copy }, { ORANGERY_PLATFORMS: platform });
  return join(folder, `${manifest.name}-${manifest.version}.tgz`);
}

/** The npm that runs the tests, or the one on the PATH; without this repository's settings. */
async function npm(args: readonly string[], options: ExecFileOptions, env: NodeJS.ProcessEnv = {}) {
  const clean = Object.fromEntries(
    Object.keys(process.env)
      .filter((key) => /^(npm_(package|lifecycle|config_(local|onnx))|ONNXRUNTIME_)/i.test(key))
      .map((key) => [key, undefined]),
  );
  const cli = process.env.npm_execpath;
  if (cli?.endsWith("npm-cli.js")) await runNode([cli, ...args], options, { ...clean, ...env });
  else await run("npm", args, options, { ...clean, ...env });
}

async function linkDependency(name: string): Promise<void> {
  const link = join(project, "node_modules", name);
  await mkdir(dirname(link), { recursive: true });
  await symlink(join(root, "node_modules", name), link, "junction");
}

async function filesIn(subfolder: string): Promise<string[]> {
  return (await readdirFiles(join(installed, subfolder))).sort();
}

/** All files below a folder, by their paths relative to it. */
async function readdirFiles(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(path.length + 1))
    .map((file) => file.replaceAll("\\", "/"));
}

async function evaluate(code: string): Promise<string> {
  return await runNode(["--input-type=module", "--eval", code], { cwd: project });
}

async function runNode(
  args: readonly string[],
  options?: ExecFileOptions,
  env?: NodeJS.ProcessEnv,
): Promise<string> {
  return await run(process.execPath, args, options, env);
}

/** @returns What it wrote to standard output; rejects with all that it wrote when it failed. */
async function run(
  file: string,
  args: readonly string[],
  options: ExecFileOptions = {},
  more: NodeJS.ProcessEnv = {},
): Promise<string> {
  const env = {
    ...process.env,
    // Saved models go into the temporary folder, not into the user's cache.
    ORANGERY_CACHE: join(folder, "cache"),
    // What runs here is not `src/`.
    NODE_V8_COVERAGE: undefined,
    ...more,
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
