import assert from "node:assert/strict";
import { mkdir, mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { describe, test } from "node:test";
import { LeftOut } from "./left-out.ts";
import { PhotoFilter } from "./photo-filter.ts";
import { PhotoReader } from "./photo-reader.ts";
import type { ListedPhoto } from "./remote/remote-photo-reader.ts";

async function createFolder() {
  const folder = await mkdtempDisposable(join(tmpdir(), "orangery-reader-"));
  await mkdir(join(folder.path, "more"));
  await mkdir(join(folder.path, "empty"));
  for (const file of ["a.jpg", "more/b.png", "more/notes.txt"]) {
    await writeFile(join(folder.path, file), file);
  }
  return folder;
}

async function sourcesOf(photos: AsyncIterable<ListedPhoto>, folder: string): Promise<string[]> {
  const sources: string[] = [];
  for await (const { source } of photos) {
    sources.push(source.startsWith("/") ? relative(folder, source) : source);
  }
  return sources;
}

describe("a list of names", () => {
  test("lists photos and folders in its order, and wrong names like the others", async () => {
    await using folder = await createFolder();
    using reader = new PhotoReader();
    const leftOut = new LeftOut();
    const names = ["more", "a.jpg", "missing.jpg"].map((name) => join(folder.path, name));
    const others = [
      "https://host/c.jpg?X-Amz-Signature=5ec7e7",
      "http://",
      "s3:///d.jpg",
      "ftp://e",
    ];
    assert.deepEqual(
      await sourcesOf(reader.listEach([...names, ...others], { leftOut }), folder.path),
      [
        "more/b.png",
        "a.jpg",
        "missing.jpg",
        "https://host/c.jpg",
        "http://",
        "s3:///d.jpg",
        "ftp://e",
      ],
    );
    assert.deepEqual(leftOut.counts.byExtension, { ".txt": 1 });
    for (const name of [names[2]!, ...others.slice(1)]) {
      await assert.rejects(reader.read(name), { code: "PHOTO_NOT_FOUND" });
    }
  });

  test("may be longer than what is looked up together, and is filtered", async () => {
    await using folder = await createFolder();
    using reader = new PhotoReader();
    const names = Array.from(
      { length: 150 },
      (_, i) => `https://host/${i}.${i % 2 ? "jpg" : "cr2"}`,
    );
    const filter = new PhotoFilter({ exclude: ["*.cr2"] });
    assert.deepEqual(
      await sourcesOf(reader.listEach(names, { filter }), folder.path),
      names.filter((name) => name.endsWith("jpg")),
    );
  });
});

test("names without photos are reported", async () => {
  await using folder = await createFolder();
  using reader = new PhotoReader();
  const empty: string[] = [];
  const names = ["empty", "more", "a.jpg"].map((name) => join(folder.path, name));
  const options = { onEmpty: (name: string) => empty.push(relative(folder.path, name)) };
  assert.deepEqual(await sourcesOf(reader.list(names, options), folder.path), [
    "more/b.png",
    "a.jpg",
  ]);
  assert.deepEqual(empty, ["empty"]);
});
