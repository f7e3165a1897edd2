import assert from "node:assert/strict";
import { mkdir, mkdtempDisposable, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { LeftOut } from "./left-out.ts";
import { type FindPhotosOptions, findPhotos } from "./photo-files.ts";
import { PhotoFilter, type PhotoFilterOptions } from "./photo-filter.ts";
import { checkPhotoPaths } from "./photo-paths.ts";

const temporaryFolder = () => mkdtempDisposable(join(tmpdir(), "orangery-photos-"));

async function plant(folder: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), file);
  }
}

/** Paths of the photos that are found, relative to the folder. */
async function find(folder: string, paths = ["."], options?: FindPhotosOptions): Promise<string[]> {
  const found: string[] = [];
  const checked = await checkPhotoPaths(paths.map((path) => join(folder, path)));
  for await (const { source } of findPhotos(checked, options)) found.push(relative(folder, source));
  return found;
}

test("an empty folder has no photos", async () => {
  await using folder = await temporaryFolder();
  assert.deepEqual(await find(folder.path), []);
});

test("photos are found by extension in all folders below, without hidden ones", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, [
    "b.JPG",
    "a.jpeg",
    "notes.txt",
    ".hidden.jpg",
    ".cache/c.jpg",
    "no-extension",
    "bed/2/x.png",
    "bed/1/x.png",
    "bed.tif",
    "c.webp",
  ]);
  const expected = ["a.jpeg", "b.JPG", "bed/1/x.png", "bed/2/x.png", "bed.tif", "c.webp"];
  assert.deepEqual(await find(folder.path), expected);
});

test("a named file is taken whatever its extension, a path given twice comes twice", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["photo.dat", "a/b.jpg"]);
  assert.deepEqual(await find(folder.path, ["photo.dat", "a", "a"]), ["photo.dat", "a/b.jpg"]);
});

test("size and time of a photo are listed, the time to the microsecond", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["a.jpg"]);
  await utimes(join(folder.path, "a.jpg"), 1, 1_700_000_000.25);
  for await (const photo of findPhotos(await checkPhotoPaths([folder.path]))) {
    assert.deepEqual([photo.sizeBytes, photo.mtimeUs], [5, 1_700_000_000_250_000]);
  }
});

test("links are followed, in a circle once", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["a/1.jpg", "z/2.jpg"]);
  await symlink("..", join(folder.path, "a", "up"));
  await symlink("z", join(folder.path, "link-to-z"));
  await symlink("z/2.jpg", join(folder.path, "same.jpg"));
  assert.deepEqual(await find(folder.path), ["a/1.jpg", "link-to-z/2.jpg", "same.jpg"]);
});

test("links that lead nowhere are photos, files or reported, by their names", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["lost.jpg", "notes.txt", ".#lock", "2026", "2026.11"]) {
    await symlink("nowhere", join(folder.path, name));
  }
  await symlink("itself.jpg", join(folder.path, "itself.jpg"));
  const leftOut = new LeftOut();
  const unreadable: string[] = [];
  const found = await find(folder.path, ["."], {
    leftOut,
    onUnreadable: (path, error) => unreadable.push(`${basename(path)}: ${error}`),
  });
  assert.deepEqual(found, ["itself.jpg", "lost.jpg"]);
  assert.deepEqual(leftOut.counts.byExtension, { hidden: 1, ".txt": 1 });
  assert.deepEqual(unreadable.toSorted(), [
    "2026.11: Error: it is a link to nowhere, which is not there",
    "2026: Error: it is a link to nowhere, which is not there",
  ]);
});

test("every file in a folder is a photo or left out, folders of thumbnails are named", async () => {
  await using folder = await temporaryFolder();
  const photos = ["a.jpg", "phone/b.HEIC", "raw/c.CR2", "old.gif"];
  const others = ["notes.txt", "a.xmp", "b.XMP", "LICENSE", ".DS_Store", "._a.jpg", "film.mp4"];
  await plant(folder.path, [
    ...photos,
    ...others,
    "@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg",
    "phone/@eaDir/b.HEIC/SYNOPHOTO_THUMB_M.jpg",
    ".thumbnails/a.jpg",
    "__MACOSX/._a.jpg",
    "$RECYCLE.BIN/a.jpg",
    "#recycle/a.jpg",
    ".Trash-1000/files/a.jpg",
  ]);
  const leftOut = new LeftOut();
  assert.deepEqual(await find(folder.path, ["."], { leftOut }), photos.toSorted());
  assert.deepEqual(leftOut.counts, {
    files: others.length,
    byExtension: { hidden: 2, ".xmp": 2, "without extension": 1, ".mp4": 1, ".txt": 1 },
    folders: {
      "@eaDir": 2,
      "#recycle": 1,
      "$RECYCLE.BIN": 1,
      ".Trash-1000": 1,
      ".thumbnails": 1,
      __MACOSX: 1,
    },
  });
});

test("patterns leave out and take in files and folders below the one that is named", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["a.jpg", "a.cr2", "old/b.jpg", "new/old/c.jpg", "new/d.dat", ".e.jpg"]);
  const cases: [filter: PhotoFilterOptions, found: string[]][] = [
    [{ exclude: ["*.CR2"] }, ["a.jpg", "new/old/c.jpg", "old/b.jpg"]],
    [{ exclude: ["old", "a.*"] }, []],
    [{ exclude: ["/old"] }, ["a.cr2", "a.jpg", "new/old/c.jpg"]],
    [{ include: ["new"] }, ["new/old/c.jpg"]],
    [{ include: ["*.dat", ".e.jpg"] }, [".e.jpg", "new/d.dat"]],
    [{ include: ["**/old/*"], exclude: ["c.jpg"] }, ["old/b.jpg"]],
  ];
  for (const [options, expected] of cases) {
    const leftOut = new LeftOut();
    const found = await find(folder.path, ["."], { filter: new PhotoFilter(options), leftOut });
    assert.deepEqual(found, expected, JSON.stringify(options));
    if (leftOut.counts.folders.old === undefined) {
      assert.equal(leftOut.counts.files, 6 - found.length, JSON.stringify(options));
    }
  }
});

test("a file that is named is left out by a pattern only", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["@eaDir/.a.dat", "b.jpg"]);
  const filter = new PhotoFilter({ exclude: ["b.*"], include: ["c.*"] });
  const leftOut = new LeftOut();
  const found = await find(folder.path, ["@eaDir/.a.dat", "b.jpg"], { filter, leftOut });
  assert.deepEqual(found, ["@eaDir/.a.dat"]);
  assert.deepEqual(leftOut.counts.byExtension, { ".jpg": 1 });
});

test("folders and files to skip are skipped and not counted", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["a.jpg", "annotated/a.jpg", "results.db", "results.db-wal"]);
  const skipFolders = [join(folder.path, "annotated"), join(folder.path, "missing")];
  const skipFiles = [join(folder.path, "results.db")];
  const leftOut = new LeftOut();
  assert.deepEqual(await find(folder.path, ["."], { skipFolders, skipFiles, leftOut }), ["a.jpg"]);
  assert.equal(leftOut.counts.files, 0);
});

test("more files than are looked at together keep their order", async () => {
  await using folder = await temporaryFolder();
  const files = Array.from({ length: 200 }, (_, i) => `${String(i).padStart(3, "0")}.jpg`);
  await plant(folder.path, files);
  assert.deepEqual(await find(folder.path), files);
});

test("all paths that are missing are named before anything starts", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["a.jpg"]);
  const paths = ["a.jpg", "b.jpg", "c"].map((path) => join(folder.path, path));
  await assert.rejects(checkPhotoPaths(paths), (error) => {
    assert.ok(isOrangeryError(error, "PHOTO_NOT_FOUND"));
    assert.match(error.message, /b\.jpg \(ENOENT\), .*c \(ENOENT\)/);
    return true;
  });
});

test("what is neither file nor folder is refused", {
  skip: process.platform === "win32" && "needs /dev",
}, async () => {
  await assert.rejects(checkPhotoPaths(["/dev/null"]), /neither a file nor a folder/);
});

test("a folder that cannot be listed is reported and the walk goes on", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["a/1.jpg", "b/2.jpg"]);
  const [checked] = await checkPhotoPaths([join(folder.path, "a")]);
  // It goes between the check and the walk; rights would not stop root.
  await rm(join(folder.path, "a"), { recursive: true });
  const unreadable: string[] = [];
  const photos = findPhotos([checked!, ...(await checkPhotoPaths([join(folder.path, "b")]))], {
    onUnreadable: (path) => unreadable.push(basename(path)),
  });
  const found: string[] = [];
  for await (const { source } of photos) found.push(basename(source));
  assert.deepEqual([found, unreadable], [["2.jpg"], ["a"]]);
});

test("a photo whose name is not UTF-8 is reported: Node cannot open it", {
  skip: process.platform !== "linux" && "names are any bytes on Linux only",
}, async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["a.jpg", "\u{FFFD}.jpg"]);
  const latin1 = Buffer.concat([
    Buffer.from(`${folder.path}/`),
    Buffer.from([0xe9]),
    Buffer.from(".jpg"),
  ]);
  await writeFile(latin1, "photo");
  const reported: string[] = [];
  const onUnreadable = (path: string, error: unknown) => {
    reported.push(`${basename(path)}: ${(error as Error).message}`);
  };
  const found = await find(folder.path, ["."], { onUnreadable });
  assert.deepEqual([...new Set(found)], ["a.jpg", "\u{FFFD}.jpg"]);
  assert.deepEqual(reported, []);
  await rm(join(folder.path, "\u{FFFD}.jpg"));
  assert.deepEqual(await find(folder.path, ["."], { onUnreadable }), ["a.jpg"]);
  assert.deepEqual(reported, ["\u{FFFD}.jpg: its name is not UTF-8"]);
});

test("an aborted walk rejects with the reason", async () => {
  await using folder = await temporaryFolder();
  await plant(folder.path, ["a.jpg"]);
  const reason = new Error("enough");
  await assert.rejects(find(folder.path, ["."], { signal: AbortSignal.abort(reason) }), reason);
});
