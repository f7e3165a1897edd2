import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isOrangeryError } from "../../errors.ts";
import { readModel } from "../../graph/onnx/model-reader.ts";
import { sampleModelFile } from "./sample-model.ts";

let folder: string;
let before: string | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-samples-"));
  before = process.env.ORANGERY_CACHE;
  process.env.ORANGERY_CACHE = join(folder, "cache");
});
afterEach(async () => {
  delete process.env.ORANGERY_CACHE;
  if (before !== undefined) process.env.ORANGERY_CACHE = before;
  await rm(folder, { recursive: true, force: true });
});

/** What a process of its own gets, whose memory is empty. */
async function inAnotherProcess(name: string, env: NodeJS.ProcessEnv = process.env) {
  const script = `
    const { sampleModelFile } = await import(${JSON.stringify(new URL("./sample-model.ts", import.meta.url))});
    console.log(await sampleModelFile(${JSON.stringify(name)}).catch((error) => error.message));
  `;
  const options = { env, cwd: fileURLToPath(new URL("../../..", import.meta.url)) };
  const args = ["--input-type=module", "--eval", script];
  return (await promisify(execFile)(process.execPath, args, options)).stdout.trim();
}

describe("a sample model", () => {
  test("is written on first use, once for many who ask, and named by its contents", async () => {
    const files = await Promise.all(Array.from({ length: 5 }, () => sampleModelFile("seedlings")));
    assert.equal(new Set(files).size, 1);
    assert.match(files[0]!, /cache[/\\]sample-seedlings-[0-9a-f]{12}\.onnx$/);
    assert.deepEqual(await readdir(join(folder, "cache")), [basename(files[0]!)]);
    assert.equal(readModel(await readFile(files[0]!)).metadata.get("task"), "detect");
  });

  test("that was deleted is written again", async () => {
    const file = await sampleModelFile("beds");
    await rm(file);
    const files = await Promise.all([sampleModelFile("beds"), sampleModelFile("beds")]);
    assert.equal(files[0], files[1]);
    assert.equal(readModel(await readFile(files[0])).metadata.get("task"), "segment");
  });

  test("is the same file for several processes that ask at once", async () => {
    const files = await Promise.all([1, 2, 3].map(() => inAnotherProcess("beds")));
    assert.equal(new Set(files).size, 1);
    assert.deepEqual((await readdir(join(folder, "cache"))).length, 1, "nothing is left beside it");
  });

  test("whose file is not what it should be is written anew", async () => {
    const file = await inAnotherProcess("beds");
    const contents = await readFile(file);
    await writeFile(file, "something else");
    assert.equal(await inAnotherProcess("beds"), file);
    assert.ok((await readFile(file)).equals(contents));
  });

  test("goes to the temporary folder where the cache cannot be written", async () => {
    await writeFile(join(folder, "file"), "");
    const TMPDIR = join(folder, "tmp");
    const env = { ...process.env, ORANGERY_CACHE: join(folder, "file", "cache"), TMPDIR };
    const file = await inAnotherProcess("beds", env);
    assert.ok(file.startsWith(join(TMPDIR, "orangery-cache")), file);
  });

  test("that can be written nowhere is an error that names both folders", async () => {
    await writeFile(join(folder, "file"), "");
    const nowhere = join(folder, "file", "nowhere");
    const env = { ...process.env, ORANGERY_CACHE: join(nowhere, "a"), TMPDIR: nowhere };
    const message = await inAnotherProcess("beds", env);
    assert.match(message, /^Expected to write the sample model beds into .*nowhere.a or .*nowhere/);
    assert.match(message, /Set ORANGERY_CACHE to a folder that can/);
  });

  test("of a name that there is not is an error that lists the names", async () => {
    for (const name of ["", "weeds", "constructor"]) {
      await assert.rejects(
        sampleModelFile(name),
        (error) =>
          isOrangeryError(error, "MODEL_NOT_FOUND") && error.message.includes("seedlings, beds"),
      );
    }
  });
});
