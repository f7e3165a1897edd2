import assert from "node:assert/strict";
import { test } from "node:test";
import { SettlingPhotos } from "./settling-photos.ts";

const photoOf = (source: string, sizeBytes: number, mtimeUs = 7) => ({
  name: source,
  source,
  sizeBytes,
  mtimeUs,
});
const sourcesOf = (photos: readonly { readonly source: string }[]) =>
  photos.map(({ source }) => source);

test("a photo is quiet when size and time have stayed the same for the whole time", () => {
  const settling = new SettlingPhotos({ settleMs: 2000 });
  settling.see(photoOf("a", 10), 0);
  settling.see(photoOf("b", 10), 100);
  settling.see(photoOf("a", 10), 1000);
  assert.equal(settling.nextQuietMs, 2000);
  assert.deepEqual(settling.takeQuiet(1999), []);
  settling.see(photoOf("a", 20), 1999);
  assert.equal(settling.nextQuietMs, 2100, "the other photo is the next");
  assert.deepEqual(sourcesOf(settling.takeQuiet(2100)), ["b"]);
  settling.see(photoOf("a", 20, 8), 3000);
  assert.deepEqual(settling.takeQuiet(4999), [], "its time has changed");
  assert.deepEqual(settling.takeQuiet(5000), [photoOf("a", 20, 8)]);
  assert.equal(settling.nextQuietMs, Infinity);
});

test("a photo that nobody has written for long needs no quiet time, whatever its size", () => {
  const settling = new SettlingPhotos({ settleMs: 2000 });
  const nowMs = Date.UTC(2026, 6, 1);
  const writtenAgo = (ms: number) => photoOf("a", 10, 1000 * (nowMs - ms));
  assert.equal(settling.isRested(writtenAgo(62_001), nowMs), true);
  assert.equal(settling.isRested(writtenAgo(61_000), nowMs), false);
  assert.equal(settling.isRested(writtenAgo(-3_600_000), nowMs), false, "a clock that is ahead");
});

test("no more photos are kept than there is room for, and those keep changing", () => {
  const settling = new SettlingPhotos({ settleMs: 10, most: 2 });
  for (const source of ["a", "b", "c"]) settling.see(photoOf(source, 1), 0);
  settling.see(photoOf("a", 2), 5);
  assert.deepEqual(sourcesOf(settling.takeQuiet(10)), ["b"]);
  settling.see(photoOf("c", 1), 11);
  assert.deepEqual(sourcesOf(settling.takeQuiet(30)), ["a", "c"]);
});
