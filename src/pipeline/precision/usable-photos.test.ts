import assert from "node:assert/strict";
import { test } from "node:test";
import { OrangeryError } from "../../errors.ts";
import { chooseUsable, describeUsable, type UnusedPhoto } from "./usable-photos.ts";

/** Chooses among photos whose contents are texts; those that begin with `broken` cannot be read. */
async function choose(contents: Readonly<Record<string, string>>, most = 80) {
  const unused: UnusedPhoto[] = [];
  let reads = 0;
  const usable = await chooseUsable(Object.keys(contents), {
    most,
    read: async (photo) => {
      reads++;
      return Buffer.from(contents[photo]!);
    },
    look: async (bytes) => {
      if (!bytes.toString().startsWith("broken")) return;
      throw new OrangeryError("PHOTO_UNREADABLE", "Expected a whole photo.");
    },
    onUnused: (photo) => unused.push(photo),
  });
  return { usable, unused, reads };
}

const numbered = (count: number, of: (index: number) => string) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`${index}.jpg`, of(index)]));

test("a broken photo takes the place of none, whatever it is called", async () => {
  for (const name of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
    const { usable, unused } = await choose({ "1.jpg": "1", "2.jpg": "2", [name]: "broken" });
    assert.deepEqual(usable.photos.toSorted(), ["1.jpg", "2.jpg"]);
    assert.deepEqual(
      unused.map(({ photo, error }) => [photo, error?.code]),
      [[name, "PHOTO_UNREADABLE"]],
    );
  }
});

test("the same photos are chosen of the same names, in whatever order they are listed", async () => {
  const photos = numbered(40, (index) => (index % 4 === 0 ? `broken ${index}` : `${index}`));
  const { usable } = await choose(photos, 10);
  const reversed = Object.fromEntries(Object.entries(photos).toReversed());
  assert.deepEqual((await choose(reversed, 10)).usable, usable);
  assert.equal(usable.photos.length, 10);
});

test("photos with the same contents count once", async () => {
  const { usable, unused } = await choose(numbered(8, () => "the same"));
  assert.equal(usable.photos.length, 1);
  assert.deepEqual(
    unused.map(({ sameAs }) => sameAs),
    new Array(7).fill(usable.photos[0]),
  );
  assert.equal(describeUsable(usable), "8, of which 1 can be used: 7 are copies of others");
});

test("no more photos are read than are wanted, or than two copies of thousands need", async () => {
  assert.equal((await choose(numbered(1000, String), 20)).reads, 20);
  const { usable, reads } = await choose(numbered(5000, (index) => `${index % 3}`));
  assert.equal(usable.photos.length, 3);
  assert.ok(reads < 300, `${reads}`);
});

test("an error that is not the photo's ends the choice", async () => {
  const failing = chooseUsable(["1.jpg"], {
    most: 1,
    read: async () => Buffer.from("1"),
    look: async () => {
      throw new OrangeryError("NO_SPACE", "Expected room.");
    },
  });
  await assert.rejects(failing, { code: "NO_SPACE" });
});

test("what a list had is described", () => {
  const usable = { photos: ["1"], leftCount: 0, unreadableCount: 2, sameCount: 1 };
  const reasons = "2 cannot be read, and 1 is a copy of others";
  assert.equal(describeUsable(usable), `4, of which 1 can be used: ${reasons}`);
  assert.equal(describeUsable({ ...usable, unreadableCount: 0, sameCount: 0 }), "1");
});
