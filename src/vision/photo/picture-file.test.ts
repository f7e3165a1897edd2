import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { decodePicture } from "./picture.ts";
import { encodePicture, savePicture } from "./picture-file.ts";

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-picture-file-"));
});
after(() => rm(folder, { recursive: true }));

const picture = {
  data: Uint8Array.from({ length: 3 * 40 * 30 }, (_, i) => (i * 7) % 256),
  widthPx: 40,
  heightPx: 30,
};

test("a PNG comes back as it was, a JPEG is smaller at lower quality", async () => {
  assert.deepEqual(await decodePicture(await encodePicture(picture, { format: "png" })), picture);
  const [good, poor] = [
    await encodePicture(picture),
    await encodePicture(picture, { quality: 20 }),
  ];
  assert.ok(poor.length < good.length);
});

test("the extension decides the format, and nothing else is left behind", async () => {
  for (const [name, start] of [
    ["a.png", [0x89, 0x50]],
    ["b.jpg", [0xff, 0xd8]],
    ["c.JPEG", [0xff, 0xd8]],
  ] as const) {
    const path = join(folder, name);
    await savePicture(picture, path);
    assert.deepEqual(Array.from((await readFile(path)).subarray(0, 2)), start);
  }
  assert.deepEqual((await readdir(folder)).sort(), ["a.png", "b.jpg", "c.JPEG"]);
});

test("another extension, or a place that cannot be written to, is refused", async () => {
  for (const name of ["a.gif", "a", "no/such/folder/a.png"]) {
    await assert.rejects(savePicture(picture, join(folder, name)), { code: "INVALID_ARGUMENT" });
  }
});

test("a full disk is told as such, and nothing is left behind", {
  skip: process.platform !== "linux" && "needs /dev/full",
}, async () => {
  const path = join(folder, "full.png");
  await symlink("/dev/full", `${path}.${process.pid}.partial`);
  await assert.rejects(savePicture(picture, path), { code: "NO_SPACE" });
  assert.ok(!(await readdir(folder)).some((name) => name.startsWith("full")));
});
