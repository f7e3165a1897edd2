import assert from "node:assert/strict";
import { test } from "node:test";
import { FolderCounter } from "./folder-totals.ts";

function count(sources: readonly string[], limit = 50) {
  const counter = new FolderCounter();
  for (const source of sources) counter.add(source, 10);
  return counter.list(limit);
}

test("photos of one folder need no totals by folder", () => {
  assert.deepEqual(count([]), { folders: [], isCut: false });
  assert.deepEqual(count(["/p/1.jpg", "/p/2.jpg"]), { folders: [], isCut: false });
});

test("a folder's totals include those below it, and its failures", () => {
  const counter = new FolderCounter();
  counter.add("/p/north/a/1.jpg", 5);
  counter.add("/p/north/a/2.jpg", 6);
  counter.add("/p/north/b/1.jpg", 7);
  counter.add("/p/south/1.jpg", 0);
  counter.addFailure("/p/south/2.jpg");
  assert.deepEqual(counter.list(50).folders, [
    { folder: "north/", depth: 0, photos: 3, objects: 18, failed: 0 },
    { folder: "north/a/", depth: 1, photos: 2, objects: 11, failed: 0 },
    { folder: "north/b/", depth: 1, photos: 1, objects: 7, failed: 0 },
    { folder: "south/", depth: 0, photos: 1, objects: 0, failed: 1 },
  ]);
});

test("folders whose names begin alike are not taken for one", () => {
  const { folders } = count(["/p/plot1/1.jpg", "/p/plot10/1.jpg"]);
  assert.deepEqual(
    folders.map(({ folder }) => folder),
    ["plot1/", "plot10/"],
  );
});

test("keys of buckets and paths of Windows have folders, too", () => {
  for (const [a, b] of [
    ["s3://bucket/2026/a/1.jpg", "s3://bucket/2026/b/1.jpg"],
    ["C:\\photos\\a\\1.jpg", "C:\\photos\\b\\1.jpg"],
  ] as const) {
    assert.equal(count([a, b]).folders.length, 2, a);
  }
});

test("photos of several places have no folder in common", () => {
  const { folders } = count(["/p/1.jpg", "s3://bucket/1.jpg", "https://host/1.jpg"]);
  assert.deepEqual(
    folders.filter(({ depth }) => depth === 0).map(({ folder }) => folder),
    ["/", "https:/", "s3:/"],
  );
});

test("levels that do not fit are left out, and the first is cut", () => {
  const sources = [0, 1, 2].flatMap((i) => [0, 1].map((j) => `/p/${i}/${j}/1.jpg`));
  const all = count(sources);
  assert.deepEqual([all.folders.length, all.isCut], [9, false]);
  const first = count(sources, 5);
  assert.deepEqual([first.folders.length, first.isCut], [3, true]);
  assert.deepEqual([count(sources, 2).folders.length, count(sources, 2).isCut], [2, true]);
});
