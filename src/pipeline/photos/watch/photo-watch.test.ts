import assert from "node:assert/strict";
import {
  appendFile,
  mkdir,
  mkdtempDisposable,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { isOrangeryError } from "../../../errors.ts";
import { createRecipe } from "../../../ledger/recipe.ts";
import { Worklist } from "../../../ledger/worklist/worklist.ts";
import { PhotoFilter } from "../photo-filter.ts";
import { PhotoReader } from "../photo-reader.ts";
import type { ListedPhoto } from "../remote/remote-photo-reader.ts";
import { PhotoWatch } from "./photo-watch.ts";
import { checkWatch, type WatchedPhotos, type WatchOptions } from "./watch-options.ts";
import { checkWhole } from "./whole-photo.ts";

const longAgo = new Date(Date.UTC(2026, 0, 1));

/** A watched folder with a list that takes what arrives, as `orangery run --watch` does. */
async function createWatch(options: WatchOptions, filter = new PhotoFilter()) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-watch-")));
  const place = join(folder.path, "photos");
  await mkdir(place);
  const worklist = stack.use(
    await Worklist.open(join(folder.path, "results.db"), createRecipe({})),
  );
  const photos = stack.use(new PhotoReader());
  const events: string[] = [];
  const watch = stack.use(
    new PhotoWatch({
      ...options,
      names: [place],
      photos,
      find: { filter },
      compare: (photos) => worklist.compare(photos),
    }),
  );
  const end = new AbortController();
  const on = {
    onAway: () => events.push("away"),
    onBack: () => events.push("back"),
    onUnreadable: (path: string) => events.push(`unreadable ${basename(path)}`),
  };
  const arrivals = watch.arrivals(on, end.signal);
  stack.defer(async () => {
    end.abort();
    await assert.rejects(arrivals.next());
  });
  const add = async (photos: readonly ListedPhoto[]) => {
    await worklist.add(photos);
    return photos.map(({ source }) => basename(source));
  };
  return {
    place,
    folder: folder.path,
    events,
    worklist,
    async write(name: string, { mtime = longAgo } = {}) {
      await writeFile(join(place, name), "a photo");
      await utimes(join(place, name), mtime, mtime);
    },
    /** Lists once; returns the names that are whole. */
    async list() {
      const names: string[] = [];
      for await (const photos of watch.list(on)) names.push(...(await add(photos)));
      return names.sort();
    },
    /** Watches until so many photos have arrived. */
    async next(count: number) {
      const names: string[] = [];
      while (names.length < count) names.push(...(await add((await arrivals.next()).value)));
      return names.sort();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

test("photos are handed on once, from new folders too; what is being written is left alone", async () => {
  await using watch = await createWatch({ everyMs: 1e6 }, new PhotoFilter({ exclude: ["old"] }));
  for (const folder of ["sub", "old", "c.jpg.download"]) await mkdir(join(watch.place, folder));
  for (const name of ["a.jpg", "sub/b.jpg", "old/c.jpg"]) await watch.write(name);
  const temporary = [
    ".a.jpg.Xa81Kd",
    "a.jpg.crdownload",
    "a.jpg.part",
    "a.jpg.filepart",
    "a.jpg.1a2b3c4d.partial",
    "~syncthing~a.jpg.tmp",
    ".syncthing.a.jpg.tmp",
    "~$a.jpg",
    "Thumbs.db",
    "c.jpg.download/c.jpg",
  ];
  for (const name of temporary) await watch.write(name);
  await watch.write("young.jpg", { mtime: new Date() });
  assert.deepEqual(await watch.list(), ["a.jpg", "b.jpg"]);
  assert.deepEqual(await watch.list(), []);
  await rename(join(watch.place, ".a.jpg.Xa81Kd"), join(watch.place, "renamed.jpg"));
  await mkdir(join(watch.place, "sub/new"));
  await watch.write("sub/new/d.jpg");
  assert.deepEqual(await watch.list(), ["d.jpg", "renamed.jpg"]);
});

test("a photo that changes is handed on again, also one that cannot be opened", async () => {
  await using watch = await createWatch({ everyMs: 1, settleMs: 0 });
  await watch.write("a.jpg");
  await symlink("../later.jpg", join(watch.place, "link.jpg"));
  assert.deepEqual(await watch.next(2), ["a.jpg", "link.jpg"]);
  for (const photo of await watch.worklist.lease(2)) {
    const code = photo.source.endsWith("a.jpg") ? "PHOTO_UNREADABLE" : "PHOTO_NOT_FOUND";
    await watch.worklist.fail(photo, { code, message: "" });
  }
  await appendFile(join(watch.place, "a.jpg"), ", the rest");
  assert.deepEqual(await watch.next(1), ["a.jpg"]);
  await writeFile(join(watch.folder, "later.jpg"), "a photo");
  assert.deepEqual(await watch.next(1), ["link.jpg"]);
  assert.equal((await watch.worklist.view.states()).waiting, 2);
});

test("a folder that vanishes is reported once, and its photos stay known when it is back", async () => {
  await using watch = await createWatch({ everyMs: 1, settleMs: 0 });
  await watch.write("a.jpg");
  assert.deepEqual(await watch.list(), ["a.jpg"]);
  await rename(watch.place, join(watch.folder, "away"));
  assert.deepEqual([...(await watch.list()), ...(await watch.list())], []);
  assert.deepEqual(watch.events, ["away"]);
  await writeFile(join(watch.folder, "away", "b.jpg"), "a photo");
  await rename(join(watch.folder, "away"), watch.place);
  assert.deepEqual(await watch.next(1), ["b.jpg"]);
  assert.deepEqual(watch.events, ["away", "back"]);
});

test("a photo is whole that can be opened and is as it was listed", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-whole-"));
  const name = join(folder.path, "a.jpg");
  await writeFile(name, "a photo");
  await utimes(name, longAgo, longAgo);
  const photo = { name, source: name, sizeBytes: 7, mtimeUs: 1000 * longAgo.getTime() };
  assert.equal(await checkWhole(photo), "whole");
  const longer = { ...photo, sizeBytes: 8 };
  assert.deepEqual(await checkWhole(longer), photo);
  await writeFile(name, "");
  assert.equal(await checkWhole(photo), "busy", "a name that a browser has reserved");
  await utimes(name, longAgo, longAgo);
  assert.equal(await checkWhole({ ...photo, sizeBytes: 0 }), "whole");
  await rm(name);
  assert.equal(await checkWhole(photo), "gone");
  await symlink("nowhere", name);
  assert.equal(await checkWhole(photo), "whole", "reading it says what is wrong with it");
});

test("what is no place where photos arrive is refused", () => {
  checkWatch({ paths: ["/photos", "s3://bucket/photos/"], watch: { settleMs: 0 } });
  const refuses = (photos: WatchedPhotos, message: RegExp) =>
    assert.throws(
      () => checkWatch(photos),
      (error) => isOrangeryError(error, "INVALID_ARGUMENT") && message.test(error.message),
    );
  const url = "https://example.org/a.jpg?secret";
  refuses({ paths: [url], watch: {} }, /got https:\/\/…, which/);
  refuses({ paths: [], list: [], watch: {} }, /got a list of photos/);
  refuses({ paths: [], watch: { everyMs: -1 } }, /`everyMs` to be a number from 0 up/);
});
