/** Artifacts in real processes: saved models, mapped by the process that loads them next. */
import assert from "node:assert/strict";
import {
  type ChildProcess,
  type ChildProcessWithoutNullStreams,
  spawn,
  spawnSync,
} from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, mkdir, open, readdir, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ModelFolder, tinyYolo } from "../src/models/yolo/tiny-yolo.fixture.ts";
import { type Loaded, loadModels } from "./artifacts.fixture.ts";
import { jsonLines, mainFile, runCli } from "./cli.fixture.ts";
import { startedModule } from "./started-module.fixture.ts";

const loader = fileURLToPath(startedModule(new URL("./artifacts.fixture.ts", import.meta.url)));
const damaged = "a saved model is damaged or belongs to another; it is made again";
const cannotSave = "loaded models cannot be saved, so the next load will be as slow";

/** Smaller models are not worth an artifact. */
const largeModel = (score: number) => tinyYolo({ score, padding: 1_100_000 });

const mayMount =
  process.platform === "linux" &&
  spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", tmpdir()]).status === 0;
const skipMounts = !mayMount && "needs the right to mount a small disk (unshare -rm)";

let folder: ModelFolder;
let model: string;
let children = new Set<ChildProcess>();
beforeEach(async () => {
  children = new Set();
  folder = await ModelFolder.create();
  model = await folder.write("large.onnx", largeModel(0.5));
});
afterEach(async () => {
  for (const child of children) {
    child.kill("SIGKILL");
    await once(child, "close");
  }
  await folder[Symbol.asyncDispose]();
});

/** Runs `orangery cache` with the test's cache folder. */
const cache = (action: string, { json = false, env = {} as NodeJS.ProcessEnv } = {}) =>
  runCli(["cache", action, ...(json ? ["--json"] : [])], {
    env: { ORANGERY_CACHE: folder.file("cache"), ...env },
  });

const artifacts = () => folder.file("cache/artifacts");
const artifactNames = async () => await readdir(artifacts()).catch(() => []);

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(process.execPath, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ORANGERY_CACHE: folder.file("cache"), ...env },
  });
  children.add(child);
  const outcome = Promise.all([text(child.stdout), once(child, "close")]).then(
    ([stdout, [status]]) => {
      children.delete(child);
      return { stdout, status };
    },
  );
  return { child, outcome };
}

/** What a process has printed when it is gone, and its exit status. */
async function endOf(child: ChildProcessWithoutNullStreams) {
  const [stdout, stderr, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { stdout, stderr, status };
}

/** Loads models in a process of its own. */
async function load(files: string | string[] = model, env: NodeJS.ProcessEnv = {}) {
  const { stdout, status } = await start([loader, "", ...[files].flat()], env).outcome;
  assert.equal(status, 0);
  return JSON.parse(stdout) as Loaded;
}

/** The same in this process, where it does not matter which loads. */
async function loadHere(files: string | string[] = model) {
  process.env.ORANGERY_CACHE = folder.file("cache");
  try {
    return await loadModels([files].flat());
  } finally {
    delete process.env.ORANGERY_CACHE;
  }
}

const loadedFromFile = { fromArtifact: [false], scores: [0.5], warnings: [] };
const loadedFromArtifact = { fromArtifact: [true], scores: [0.5], warnings: [] };

test("the first load saves the model, later ones map it, and nothing else is left", async () => {
  assert.deepEqual(await load(), loadedFromFile);
  const [key, ...others] = await artifactNames();
  assert.deepEqual(others, []);
  assert.match(key!, /^[0-9a-f]{32}$/);
  assert.deepEqual((await readdir(join(artifacts(), key!))).sort(), ["artifact.json", "model.ort"]);
  assert.deepEqual(await load(), loadedFromArtifact);
  assert.deepEqual(await load(), loadedFromArtifact);
  assert.deepEqual(await artifactNames(), [key]);
});

test("a model that changes, or that has another name, is known by its contents", async () => {
  await loadHere();
  await folder.write("large.onnx", largeModel(0.75));
  assert.deepEqual(await loadHere(), { ...loadedFromFile, scores: [0.75] });
  const renamed = await folder.write("renamed.onnx", largeModel(0.5));
  assert.deepEqual(await loadHere(renamed), loadedFromArtifact);
  assert.equal((await artifactNames()).length, 2);
});

test("a small ONNX model is not saved, and with a limit of 0 none is", async () => {
  const small = await folder.write("small.onnx", tinyYolo());
  assert.deepEqual(await loadHere(small), loadedFromFile);
  assert.deepEqual(await load(model, { ORANGERY_CACHE_MAX_BYTES: "0" }), loadedFromFile);
  assert.deepEqual(await artifactNames(), []);
});

describe("an artifact that", () => {
  const networkOf = (artifact: string) => join(artifact, "model.ort");
  const cases: [what: string, spoil: (artifact: string) => Promise<unknown>][] = [
    ["was cut short", (artifact) => truncate(networkOf(artifact), 1000)],
    ["is empty", (artifact) => truncate(networkOf(artifact), 0)],
    [
      "has one other bit",
      async (artifact) => {
        await using file = await open(networkOf(artifact), "r+");
        const byte = Buffer.alloc(1);
        const { size } = await file.stat();
        await file.read(byte, 0, 1, size - 100);
        byte[0]! ^= 1;
        await file.write(byte, 0, 1, size - 100);
      },
    ],
    ["holds no network", (artifact) => writeFile(networkOf(artifact), "x".repeat(5000))],
    ["has lost its network", (artifact) => rm(networkOf(artifact))],
    ["has lost its description", (artifact) => rm(join(artifact, "artifact.json"))],
    ...["{", "null", "[]", '{"modelName":5}'].map((text): (typeof cases)[number] => [
      `has the description ${text}`,
      (artifact) => writeFile(join(artifact, "artifact.json"), text),
    ]),
    [
      "belongs to another model",
      async (artifact) => {
        const other = await folder.write("other.onnx", largeModel(0.75));
        await loadHere(other);
        const names = await artifactNames();
        const theirs = names.find((name) => name !== basename(artifact))!;
        await rm(artifact, { recursive: true });
        await cp(join(artifacts(), theirs), artifact, { recursive: true });
      },
    ],
  ];
  /** A cache folder that holds the artifact as it should be: each test has a copy. */
  let whole: ModelFolder;
  before(async () => {
    whole = await ModelFolder.create();
    const file = await whole.write("large.onnx", largeModel(0.5));
    await load(file, { ORANGERY_CACHE: whole.file("cache") });
  });
  after(() => whole[Symbol.asyncDispose]());
  for (const [what, spoil] of cases) {
    test(`${what} is made again, with one warning`, async () => {
      await cp(whole.file("cache"), folder.file("cache"), { recursive: true });
      const [key] = await artifactNames();
      await spoil(join(artifacts(), key!));
      assert.deepEqual(await loadHere(), { ...loadedFromFile, warnings: [damaged] });
      assert.deepEqual(await loadHere(), loadedFromArtifact);
    });
  }
});

test("processes that save the same model at once do not collide", async () => {
  const outcomes = await Promise.all(Array.from({ length: 5 }, () => load()));
  for (const { scores, warnings } of outcomes) {
    assert.deepEqual([scores, warnings], [[0.5], []]);
  }
  assert.equal((await artifactNames()).length, 1);
  assert.deepEqual(await loadHere(), loadedFromArtifact);
});

test("what killed processes left unfinished is ignored, and removed when it is old", async () => {
  const [fresh, old] = ["a".repeat(32), "b".repeat(32)].map((key) =>
    join(artifacts(), `${key}.1.x.part`),
  );
  for (const part of [fresh!, old!]) {
    await mkdir(part, { recursive: true });
    await writeFile(join(part, "model.ort"), "half");
  }
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const path of [join(old!, "model.ort"), old!]) await utimes(path, longAgo, longAgo);
  assert.deepEqual(await loadHere(), loadedFromFile);
  const parts = (await artifactNames()).filter((name) => name.endsWith(".part"));
  assert.deepEqual(parts, [basename(fresh!)]);
});

test("a process that is killed while it saves does not disturb the next", async () => {
  const { child, outcome } = start([loader, "", model]);
  while (child.exitCode === null && (await artifactNames()).length === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  child.kill("SIGKILL");
  await outcome;
  const { scores, warnings } = await loadHere();
  assert.deepEqual([scores, warnings], [[0.5], []]);
  assert.deepEqual(await loadHere(), loadedFromArtifact);
});

describe("a cache folder that cannot be written", () => {
  test("costs nothing but the speed, and one warning", async () => {
    const file = await folder.write("a file", "");
    const other = await folder.write("other.onnx", largeModel(0.75));
    const env = { ORANGERY_CACHE: join(file, "cache") };
    assert.deepEqual(await load([model, other], env), {
      fromArtifact: [false, false],
      scores: [0.5, 0.75],
      warnings: [cannotSave],
    });
  });

  /** Loads the model with a disk of its own under `disk`, which goes with the process. */
  async function loadOnDisk(mount: string, files: readonly string[]) {
    await mkdir(folder.file("disk"), { recursive: true });
    const script = `cd "$0" && ${mount} || exit 99; exec "$@"`;
    const child = spawn(
      "unshare",
      ["-rm", "sh", "-c", script, folder.path, process.execPath, loader, "", ...files],
      {
        stdio: ["ignore", "pipe", "inherit"],
        env: { ...process.env, ORANGERY_CACHE: folder.file("disk/cache") },
      },
    );
    const [stdout, [status]] = await Promise.all([text(child.stdout), once(child, "close")]);
    assert.equal(status, 0);
    return JSON.parse(stdout) as Loaded;
  }

  test("because the disk has no room left does the same", { skip: skipMounts }, async () => {
    const mount = "mount -t tmpfs -o size=1m none disk";
    const expected = { ...loadedFromFile, warnings: [cannotSave] };
    assert.deepEqual(await loadOnDisk(mount, [model]), expected);
  });

  test("because the disk fills up while it is written does the same", {
    skip: skipMounts,
  }, async () => {
    // Room for the file that is promised, and no more inodes than the folders take.
    const mount = "mount -t tmpfs -o size=100m,nr_inodes=4 none disk";
    const expected = { ...loadedFromFile, warnings: [cannotSave] };
    assert.deepEqual(await loadOnDisk(mount, [model]), expected);
  });

  test("because it is read-only does the same, and what it holds is used", {
    skip: skipMounts,
  }, async () => {
    const mount = "mount --bind disk disk && mount -o remount,ro,bind disk";
    const expected = { ...loadedFromFile, warnings: [cannotSave] };
    assert.deepEqual(await loadOnDisk(mount, [model]), expected);
    await load(model, { ORANGERY_CACHE: folder.file("disk/cache") });
    assert.deepEqual(await loadOnDisk(mount, [model]), loadedFromArtifact);
  });
});

test("the least recently used artifacts go when all take more than the limit", async () => {
  const others = await Promise.all(
    [0.75, 0.25].map((score) => folder.write(`${score}.onnx`, largeModel(score))),
  );
  await loadHere([model, ...others]);
  const names = await artifactNames();
  assert.equal(names.length, 3);
  // All were used long ago, and then the first again.
  const longAgo = new Date(Date.now() - 3_600_000);
  for (const name of names) await utimes(join(artifacts(), name), longAgo, longAgo);
  assert.deepEqual(await loadHere(), loadedFromArtifact);
  const kept = (await list()).entries.find(({ name }) => name === "large.onnx")!;

  const newest = await folder.write("newest.onnx", largeModel(0.875));
  const env = { ORANGERY_CACHE_MAX_BYTES: String(2.5 * kept.bytes) };
  assert.deepEqual(await load(newest, env), { ...loadedFromFile, scores: [0.875] });
  const left = (await list()).entries.map(({ name }) => name);
  assert.deepEqual(left, ["newest.onnx", "large.onnx"]);
});

describe("orangery cache", () => {
  test("lists artifacts that are damaged in any way, and clears them", async () => {
    await loadHere();
    const [key] = await artifactNames();
    const spoil = [
      () => truncate(join(artifacts(), key!, "model.ort"), 0),
      ...["null", '{"modelName":5}', "{"].map(
        (text) => () => writeFile(join(artifacts(), key!, "artifact.json"), text),
      ),
    ];
    for (const spoilIt of spoil) {
      await spoilIt();
      const { stdout, status } = await cache("list");
      assert.match(stdout, /damaged\n/);
      assert.equal(status, 0);
    }
    assert.match((await cache("clear")).stdout, /^Cleared 1 file, /);
    assert.deepEqual(await artifactNames(), []);
  });

  for (const [what, place] of [
    ["a file", () => folder.write("a file", "")],
    ["a device", () => "/dev/null"],
    ["a path that is too long", () => `/${"a".repeat(5000)}`],
  ] as const) {
    test(`says of ${what} that it is no cache folder`, async () => {
      for (const action of ["list", "clear"]) {
        const env = { ORANGERY_CACHE: await place() };
        const { stderr, status } = await cache(action, { env });
        assert.match(stderr, /^orangery: Expected the cache folder .* \[INVALID_ARGUMENT\]\n$/);
        assert.equal(status, 2);
      }
    });
  }

  test("says what it cannot remove, and removes the rest", { skip: skipMounts }, async () => {
    await loadHere([model, await folder.write("other.onnx", largeModel(0.75))]);
    const [first, second] = (await artifactNames()).map((name) => join(artifacts(), name));
    // What is mounted cannot be renamed.
    const script = `mount -t tmpfs none "$0" && exec "$@"`;
    const child = spawn(
      "unshare",
      ["-rm", "sh", "-c", script, first!, process.execPath, mainFile, "cache", "clear"],
      { env: { ...process.env, ORANGERY_CACHE: folder.file("cache") } },
    );
    const { stdout, stderr, status } = await endOf(child);
    assert.match(stdout, /^Cleared 1 file, /);
    assert.equal(stderr, `orangery: Cannot remove ${first}: EBUSY\n`);
    assert.equal(status, 1);
    assert.deepEqual(await artifactNames(), [basename(first!)]);
    assert.equal(existsSync(second!), false);
  });
});

interface Listed {
  readonly folder: string;
  readonly bytes: number;
  readonly entries: { name: string; bytes: number; state: string }[];
}

async function list(): Promise<Listed> {
  const { stdout, status } = await cache("list", { json: true });
  assert.equal(status, 0);
  return jsonLines(stdout)[0] as unknown as Listed;
}

test("orangery cache lists and clears, and a process that has a model mapped goes on", async () => {
  const holder = start([loader, "hold", model]);
  await once(holder.child.stdout!, "data");
  await writeFile(folder.file("cache/mine.txt"), "not Orangery's");

  const { entries, bytes } = await list();
  assert.deepEqual(
    entries.map(({ name, state }) => [name, state]),
    [["large.onnx", "current"]],
  );
  assert.equal(
    bytes,
    entries.reduce((sum, entry) => sum + entry.bytes, 0),
  );
  const table = (await cache("list")).stdout;
  assert.match(
    table,
    /^Model +Precision +Size +Last used +State\nlarge\.onnx .* current\n\n1 file, /,
  );

  const cleared = (await cache("clear")).stdout;
  assert.match(cleared, /^Cleared 1 file, /);
  assert.deepEqual(await readdir(folder.file("cache")), ["artifacts", "mine.txt"]);
  assert.deepEqual(await artifactNames(), []);
  assert.deepEqual((await list()).entries, []);

  holder.child.stdin!.write("go on\n");
  const { stdout } = await holder.outcome;
  assert.deepEqual(jsonLines(stdout.replace("loaded\n", ""))[0]!.scores, [0.5, 0.5]);
  assert.deepEqual(await loadHere(), loadedFromFile);
});
