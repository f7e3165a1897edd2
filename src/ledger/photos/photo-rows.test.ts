import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOtherFile } from "./photo-rows.ts";

describe("a photo is another one", () => {
  const isOther = (source: string, mtimeUs: number, recordedUs: number) =>
    isOtherFile({ source, sizeBytes: 9, mtimeUs }, { size_bytes: 9, mtime_us: recordedUs });

  test("where its time is another, to the microsecond", () => {
    assert.deepEqual([isOther("/a.jpg", 5e6, 5e6), isOther("/a.jpg", 5e6 + 1, 5e6)], [false, true]);
    assert.equal(isOther("s3://bucket/a.jpg", 5e6 + 1, 5e6 + 2), true);
  });

  test("but not where one of the times of an object of S3 has no digits for its content", () => {
    assert.equal(isOther("s3://bucket/a.jpg", 5e6 + 1, 5e6), false);
    assert.equal(isOther("s3://bucket/a.jpg", 5e6, 5e6 + 1), false);
    assert.equal(isOther("s3://bucket/a.jpg", 6e6 + 1, 5e6), true);
  });

  test("only where both are known", () => assert.equal(isOther("/a.jpg", 5e6, 0), false));
});
