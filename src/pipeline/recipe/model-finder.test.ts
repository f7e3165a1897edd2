import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdir, mkdtempDisposable, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { OrangeryError as Failure, type OrangeryError } from "../../errors.ts";
import type { PhotoBytes } from "../photos/read-photo.ts";
import { ModelFinder } from "./model-finder.ts";

const contents = "what a model has";
const sha256 = hash("sha256", contents);
const cacheBefore = process.env.ORANGERY_CACHE;
let folder: string;
const stack = new AsyncDisposableStack();

before(async () => {
  folder = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-models-"))).path;
  process.env.ORANGERY_CACHE = join(folder, "cache");
});
after(async () => {
  if (cacheBefore === undefined) delete process.env.ORANGERY_CACHE;
  else process.env.ORANGERY_CACHE = cacheBefore;
  await stack.disposeAsync();
});

/** A bucket with these objects, as a reader of photos has it. */
function bucket(objects: Record<string, string>, asked: string[] = []) {
  const read = async (name: string): Promise<PhotoBytes> => {
    asked.push(name);
    const text = objects[name];
    if (text === undefined) throw new Failure("PHOTO_NOT_FOUND", "Expected an object.");
    const bytes = Buffer.from(text);
    return { bytes, content: { sha256: "", sizeBytes: bytes.length, mtimeUs: 0 } };
  };
  return { read };
}

test("a model is found where the recipe says, by its contents", async () => {
  const file = join(folder, "plants.pt");
  await writeFile(file, contents);
  const finder = new ModelFinder({ reader: bucket({}) });
  assert.equal(await finder.find({ file, sha256 }), file);
  await writeFile(file, "trained further");
  await assert.rejects(finder.find({ file, sha256 }), (error: OrangeryError) => {
    assert.equal(error.code, "MODEL_NOT_FOUND");
    assert.ok(error.message.includes(`${file} (other contents)`), error.message);
    return true;
  });
  await rm(file);
  await assert.rejects(finder.find({ file, sha256 }), /plants\.pt \(no file\)/);
});

test("a model is found below a folder, whatever it is called", async () => {
  const models = join(folder, "models");
  await mkdir(join(models, "2026"), { recursive: true });
  await writeFile(join(models, "plants.pt"), "another with the same name");
  await writeFile(join(models, "notes.txt"), contents);
  await writeFile(join(models, "2026", "renamed.onnx"), contents);
  const finder = new ModelFinder({ places: [join(folder, "none"), models], reader: bucket({}) });
  const found = await finder.find({ file: "/gone/plants.pt", sha256 });
  assert.equal(found, join(models, "2026", "renamed.onnx"));
});

test("a model is fetched from a bucket once, and kept by its contents", async () => {
  const asked: string[] = [];
  const reader = bucket(
    { "s3://b/m/plants.pt": "old", [`s3://b/m/${sha256}.pt`]: contents },
    asked,
  );
  const finder = new ModelFinder({ places: ["s3://b/m"], reader });
  const wanted = { file: "s3://elsewhere/plants.pt", sha256 };
  const kept = join(folder, "cache", "models", `${sha256}.pt`);
  assert.equal(await finder.find(wanted), kept);
  assert.equal(await finder.find(wanted), kept);
  assert.deepEqual(asked, ["s3://b/m/plants.pt", `s3://b/m/${sha256}.pt`]);
});

test("a bucket that cannot be read is an error of its own", async () => {
  const reader = {
    read: async (): Promise<PhotoBytes> => {
      throw new Failure("PHOTO_FETCH_FAILED", "Expected S3.");
    },
  };
  const finder = new ModelFinder({ places: ["s3://b/m"], reader });
  const wanted = { file: "/gone/other.pt", sha256: "c".repeat(64) };
  await assert.rejects(finder.find(wanted), { code: "PHOTO_FETCH_FAILED" });
});
