import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  cacheFolder,
  cacheLimitBytes,
  compiledFolder,
  makeCompiledFolder,
} from "./cache-folder.ts";
import { makeFolder, writeWhole } from "./whole-file.ts";

describe("the cache folder", () => {
  const cases: [env: NodeJS.ProcessEnv, platform: NodeJS.Platform, folder: string][] = [
    [{ ORANGERY_CACHE: "/given" }, "linux", "/given"],
    [{ ORANGERY_CACHE: "/given", LOCALAPPDATA: "/local" }, "win32", "/given"],
    [{ ORANGERY_CACHE: "", XDG_CACHE_HOME: "/xdg" }, "linux", join("/xdg", "orangery")],
    [{}, "linux", join(homedir(), ".cache", "orangery")],
    [{ XDG_CACHE_HOME: "xdg" }, "linux", join(homedir(), ".cache", "orangery")],
    [{ XDG_CACHE_HOME: "/xdg" }, "darwin", join(homedir(), "Library", "Caches", "orangery")],
    [{ LOCALAPPDATA: "/local" }, "win32", join("/local", "orangery", "cache")],
    [{}, "win32", join(homedir(), ".cache", "orangery")],
  ];
  for (const [env, platform, expected] of cases) {
    test(`is ${expected} on ${platform} with ${JSON.stringify(env)}`, () => {
      assert.equal(cacheFolder(env, platform), expected);
    });
  }

  test("is absolute, wherever the process goes", () => {
    assert.equal(cacheFolder({ ORANGERY_CACHE: "near" }), resolve("near"));
  });

  for (const home of ["", "near"]) {
    test(`is in the home of the user's entry where HOME is "${home}"`, (context) => {
      const { HOME } = process.env;
      context.after(() => {
        if (HOME === undefined) delete process.env.HOME;
        else process.env.HOME = HOME;
      });
      process.env.HOME = home;
      assert.equal(cacheFolder({}, "linux"), join(userInfo().homedir, ".cache", "orangery"));
    });
  }
});

test("compiled modules are kept in the cache folder, unless coverage is measured", () => {
  assert.equal(compiledFolder({ ORANGERY_CACHE: "/given" }), join("/given", "compiled"));
  assert.equal(compiledFolder({ ORANGERY_CACHE: "/given", NODE_V8_COVERAGE: "c" }), undefined);
});

describe("the limit of the cache", () => {
  for (const [text, bytes] of [
    [undefined, 4 * 1024 ** 3],
    ["", 4 * 1024 ** 3],
    ["0", 0],
    ["1e9", 1_000_000_000],
  ] as const) {
    test(`is ${bytes} for ${JSON.stringify(text)}`, () => {
      assert.equal(cacheLimitBytes({ ORANGERY_CACHE_MAX_BYTES: text }), bytes);
    });
  }

  for (const text of ["4GB", "-1", "NaN"]) {
    test(`is refused for ${text}`, () => {
      assert.throws(() => cacheLimitBytes({ ORANGERY_CACHE_MAX_BYTES: text }), {
        code: "INVALID_ARGUMENT",
        message: new RegExp(`got .${text}.\\.$`),
      });
    });
  }
});

describe("in the cache folder", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "orangery-cache-"));
  });
  after(() => rm(folder, { recursive: true }));

  test("a folder is made with those above it, and may be there", async () => {
    const path = join(folder, "a/b/c");
    await makeFolder(path);
    await makeFolder(path);
    assert.deepEqual(await readdir(path), []);
  });

  test("a folder that cannot be made is an error", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await assert.rejects(makeFolder(join(file, "a/b")), { code: "ENOTDIR" });
  });

  test("a folder under /proc is an error and not an endless wait", {
    skip: process.platform !== "linux" && "needs /proc",
  }, async () => {
    await assert.rejects(makeFolder("/proc/orangery/a/b"), /\/proc\/orangery cannot be made/);
  });

  test("the folder of compiled modules is made before Node is told of it", async () => {
    const path = join(folder, "m/n");
    assert.equal(await makeCompiledFolder({ ORANGERY_CACHE: path }), join(path, "compiled"));
    assert.equal(await makeCompiledFolder({ ORANGERY_CACHE: path }), join(path, "compiled"));
    assert.deepEqual(await readdir(path), ["compiled"]);
  });

  test("there are no compiled modules where no folder can be made", async () => {
    const file = join(folder, "no-folder");
    await writeFile(file, "");
    const places = [file, join(file, "a"), ...(process.platform === "linux" ? ["/proc/x"] : [])];
    for (const place of places) {
      assert.equal(await makeCompiledFolder({ ORANGERY_CACHE: place }), undefined);
    }
  });

  test("a file is written whole, over what was there, and nothing is left beside it", async () => {
    const path = join(folder, "d/file.txt");
    await writeWhole(path, "one");
    await writeWhole(path, "two");
    assert.equal(await readFile(path, "utf8"), "two");
    assert.deepEqual(await readdir(join(folder, "d")), ["file.txt"]);
  });

  test("a file that cannot be put in its place leaves nothing", async () => {
    const path = join(folder, "e/taken");
    await makeFolder(join(path, "full"));
    await assert.rejects(writeWhole(path, "three"));
    assert.deepEqual(await readdir(join(folder, "e")), ["taken"]);
  });
});
