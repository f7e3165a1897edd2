import assert from "node:assert/strict";
import { mkdir, mkdtempDisposable, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PhotoReader } from "../photo-reader.ts";
import { WatchedPlace } from "./watched-place.ts";

async function createPlace() {
  const folder = await mkdtempDisposable(join(tmpdir(), "orangery-place-"));
  const path = join(folder.path, "share");
  await mkdir(path);
  return { folder, path, place: new WatchedPlace(path, new PhotoReader()) };
}

test("a folder that is renamed is away until it is back", async () => {
  const { folder, path, place } = await createPlace();
  await using _ = folder;
  assert.equal(await place.absence(), undefined);
  await rename(path, join(folder.path, "elsewhere"));
  assert.equal(((await place.absence()) as NodeJS.ErrnoException).code, "ENOENT");
  await rename(join(folder.path, "elsewhere"), path);
  assert.equal(await place.absence(), undefined);
});

test("an empty folder in the place of another is what a share leaves that is unmounted", async () => {
  const { folder, path, place } = await createPlace();
  await using _ = folder;
  await writeFile(join(path, "a.jpg"), "");
  assert.equal(await place.absence(), undefined);
  await rename(path, join(folder.path, "elsewhere"));
  await mkdir(path);
  assert.match(String(await place.absence()), /another folder, empty/);
  await writeFile(join(path, "b.jpg"), "");
  assert.equal(await place.absence(), undefined, "a folder with photos is a new one");
});

test("a folder whose photos are all removed is not away", async () => {
  const { folder, path, place } = await createPlace();
  await using _ = folder;
  await writeFile(join(path, "a.jpg"), "");
  assert.equal(await place.absence(), undefined);
  await rm(join(path, "a.jpg"));
  assert.equal(await place.absence(), undefined);
});

test("a place holds what lies in it, and nothing that only begins alike", () => {
  using photos = new PhotoReader();
  const holds = (name: string, source: string) => new WatchedPlace(name, photos).holds(source);
  assert.equal(holds(join("/a", "b"), join("/a", "b", "c.jpg")), true);
  assert.equal(holds(join("/a", "b.jpg"), join("/a", "b.jpg")), true);
  assert.equal(holds(join("/a", "b"), join("/a", "bc.jpg")), false);
  assert.equal(holds("s3://bucket/a/", "s3://bucket/a/b.jpg"), true);
  assert.equal(holds("s3://bucket", "s3://buckets/a.jpg"), false);
});
