import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PhotoNames } from "./photo-names.ts";

describe("PhotoNames", () => {
  const cases: [string[], string, string[]][] = [
    [[], "", []],
    [["/a/b/1.jpg"], "/a/b/", ["1.jpg"]],
    [["/a/b/1.jpg", "/a/c/1.jpg"], "/a/", ["b/1.jpg", "c/1.jpg"]],
    [["/ab/1.jpg", "/ac/1.jpg"], "/", ["ab/1.jpg", "ac/1.jpg"]],
    [["C:\\p\\1.jpg", "C:\\p\\q\\2.jpg"], "C:\\p\\", ["1.jpg", "q\\2.jpg"]],
    [["C:\\1.jpg", "D:\\1.jpg"], "", ["C:\\1.jpg", "D:\\1.jpg"]],
  ];
  for (const [sources, folder, names] of cases) {
    test(`leaves out what ${JSON.stringify(sources)} have in common`, () => {
      const photoNames = new PhotoNames(sources);
      assert.equal(photoNames.folder, folder);
      assert.deepEqual(
        sources.map((source) => photoNames.nameOf(source)),
        names,
      );
    });
  }
});
