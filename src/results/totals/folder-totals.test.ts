import assert from "node:assert/strict";
import { test } from "node:test";
import { FolderCounter } from "./folder-totals.ts";

const countsOf = (objectCount: number, areaM2?: number) => ({
  objectCount,
  countByName: new Map([["plant", objectCount]]),
  areaM2,
});

function count(sources: readonly string[], limit = 50) {
  const counter = new FolderCounter();
  for (const source of sources) counter.add(source, countsOf(10));
  return counter.list(limit);
}

test("photos of one folder need no totals by folder", () => {
  assert.deepEqual(count([]), { folders: [], isCut: false });
  assert.deepEqual(count(["/p/1.jpg", "/p/2.jpg"]), { folders: [], isCut: false });
});

test("a folder's totals include those below it, its failures, and the area it shows", () => {
  const counter = new FolderCounter();
  counter.add("/p/north/a/1.jpg", countsOf(5, 20));
  counter.add("/p/north/a/2.jpg", countsOf(6));
  counter.add("/p/north/b/1.jpg", countsOf(7, 30));
  counter.add("/p/south/1.jpg", countsOf(0));
  counter.addFailure("/p/south/2.jpg");
  const folders = counter.list(50).folders.map(({ folder, depth, totals }) => {
    const { photos, objects, failed, countByName, measured } = totals;
    assert.equal(countByName.get("plant"), objects);
    return [folder, depth, photos, objects, failed, measured?.objects, measured?.areaM2];
  });
  assert.deepEqual(folders, [
    ["north/", 0, 3, 18, 0, 12, 50],
    ["north/a/", 1, 2, 11, 0, 5, 20],
    ["north/b/", 1, 1, 7, 0, 7, 30],
    ["south/", 0, 1, 0, 1, undefined, undefined],
  ]);
});

test("folders are in natural order, each followed by those below it", () => {
  const { folders } = count([
    "/p/b/1.jpg",
    "/p/row-10/1.jpg",
    "/p/row-2/x/1.jpg",
    "/p/row-2 b/1.jpg",
  ]);
  assert.deepEqual(
    folders.map(({ folder }) => folder),
    ["b/", "row-2/", "row-2/x/", "row-2 b/", "row-10/"],
  );
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
