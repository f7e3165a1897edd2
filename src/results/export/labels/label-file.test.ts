import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { labelFileOf } from "./label-file.ts";

describe("labels lie where trainers look for them", () => {
  const cases: [platform: string, source: string, place: string][] = [
    ["linux", "/photos/a/1.jpg", "photos/a/1"],
    ["linux", "/photos/tray.1.jpg", "photos/tray.1"],
    ["linux", "/photos/none", "photos/none"],
    ["linux", "/photos/b:c*d?.jpg", "photos/b:c*d?"],
    ["linux", "/photos/back\\slash.jpg", "photos/back\\slash"],
    ["linux", "/photos/new\nline.jpg", "photos/new\nline"],
    ["linux", "C:\\photos\\a\\1.jpg", "C:/photos/a/1"],
    ["linux", "\\\\host\\share\\1.jpg", "host/share/1"],
    ["linux", "s3://bucket/a/1.jpg", "s3:/bucket/a/1"],
    ["linux", "/x/../../up.jpg", "x/_/_/up"],
    ["linux", "s3://bucket//a/./nul\0.jpg", "s3:/bucket/a/nul_"],
    ["win32", "C:\\photos\\a\\1.jpg", "C_/photos/a/1"],
    ["win32", "/photos/b:c*d?.jpg", "photos/b_c_d_"],
    ["win32", "/photos/back\\slash.jpg", "photos/back_slash"],
  ];
  for (const [platform, source, place] of cases) {
    test(`${JSON.stringify(source)} on ${platform}`, () => {
      const { folders, stem } = labelFileOf(source, platform);
      assert.equal([...folders, stem].join("/"), place);
    });
  }
});
