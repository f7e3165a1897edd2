import assert from "node:assert/strict";
import { test } from "node:test";
import {
  parsePhotoJobData,
  photoJobId,
  toPhotoIdentity,
  toPhotoJobData,
} from "./photo-job-data.ts";

const recipe = "a".repeat(64);

test("a job's id is the same for the same photo and recipe, and no number", () => {
  const id = photoJobId("/photos/a.jpg", "r");
  assert.match(id, /^p[\w-]{22}$/);
  assert.equal(photoJobId("/photos/a.jpg", "r"), id);
  assert.notEqual(photoJobId("/photos/b.jpg", "r"), id);
  assert.notEqual(photoJobId("/photos/a.jpg", "s"), id);
});

test("a photo's job has no more than is needed, and all that the ledger records", () => {
  const local = { name: "/a.jpg", source: "/a.jpg", sizeBytes: 5, mtimeUs: 7 };
  const data = toPhotoJobData(local, recipe);
  assert.deepEqual(data, { photo: "/a.jpg", sizeBytes: 5, mtimeUs: 7, recipe });
  assert.deepEqual(parsePhotoJobData(data), data);
  assert.deepEqual(toPhotoIdentity(data), { source: "/a.jpg", sizeBytes: 5, mtimeUs: 7 });

  const url = {
    name: "https://h/a.jpg?sig=1",
    source: "https://h/a.jpg",
    sizeBytes: 0,
    mtimeUs: 0,
  };
  const remote = toPhotoJobData(url, recipe);
  assert.deepEqual(remote, { photo: url.name, source: url.source, recipe });
  assert.deepEqual(parsePhotoJobData(remote), remote);
  assert.equal(toPhotoIdentity(remote).source, url.source);
});

test("data that are no photo are refused with what is wrong with them", () => {
  for (const [data, message] of [
    [undefined, /`photo`/],
    [{ photo: "", recipe }, /`photo`/],
    [{ photo: "/a.jpg" }, /`recipe`/],
    [{ photo: "/a.jpg", recipe: "A".repeat(64) }, /`recipe`/],
    [{ photo: "/a.jpg", recipe, source: 1 }, /`source`/],
  ] as const) {
    assert.throws(() => parsePhotoJobData(data), message);
  }
});
