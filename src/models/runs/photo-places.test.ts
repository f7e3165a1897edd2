import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PhotoPlaces, photosInHand } from "./photo-places.ts";

/** Work that begins in the order of `begun`, and ends when it is said so. */
function openWork(places: PhotoPlaces) {
  const begun: string[] = [];
  const start = (name: string, signal?: AbortSignal) => {
    const end = Promise.withResolvers<string>();
    const work = places.run(() => {
      begun.push(name);
      return end.promise;
    }, signal);
    return { work, end };
  };
  return { begun, start };
}

describe("places for photos", () => {
  test("are given first come, first served, also after work that failed", async () => {
    const { begun, start } = openWork(new PhotoPlaces(2));
    const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => start(name));
    assert.deepEqual(begun, ["a", "b"]);
    b!.end.reject(new Error("broken"));
    await assert.rejects(b!.work, /broken/);
    assert.deepEqual(begun, ["a", "b", "c"]);
    for (const { end } of [a!, c!, d!]) end.resolve("done");
    assert.deepEqual(await Promise.all([a!.work, c!.work, d!.work]), ["done", "done", "done"]);
    const { work, end } = start("e");
    assert.deepEqual(begun, ["a", "b", "c", "d", "e"]);
    end.resolve("done");
    await work;
  });

  test("are not waited for after an abort", async () => {
    const { begun, start } = openWork(new PhotoPlaces(1));
    const aborter = new AbortController();
    const first = start("first");
    const left = start("left", aborter.signal);
    const next = start("next", aborter.signal);
    const last = start("last");
    // The one that leaves is not the one whose turn it is.
    aborter.abort(new Error("enough"));
    await assert.rejects(left.work, /enough/);
    await assert.rejects(next.work, /enough/);
    await assert.rejects(start("late", aborter.signal).work, /enough/);
    first.end.resolve("done");
    last.end.resolve("done");
    assert.deepEqual(await Promise.all([first.work, last.work]), ["done", "done"]);
    assert.deepEqual(begun, ["first", "last"]);
  });

  test("are more than the runs that a device has at a time", () => {
    assert.deepEqual(
      [1, 2, 64].map((cores) => photosInHand({ isOnCpu: true }, cores)),
      [3, 4, 66],
    );
    assert.equal(photosInHand({ isOnCpu: false }, 16), 48);
  });
});
