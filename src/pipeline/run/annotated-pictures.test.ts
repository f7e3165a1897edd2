import assert from "node:assert/strict";
import { mkdir, mkdtempDisposable, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Detections } from "../../vision/detections.ts";
import { decodePicture } from "../../vision/photo/decode-picture.ts";
import { openReduced } from "../../vision/photo/open-photo.ts";
import { encodePicture } from "../../vision/photo/picture-file.ts";
import { ReducedPicture } from "../../vision/photo/reduced-picture.ts";
import { AnnotatedPictures } from "./annotated-pictures.ts";

const temporaryFolder = () => mkdtempDisposable(join(tmpdir(), "orangery-annotated-"));
const photo = { data: new Uint8Array(3 * 64 * 48).fill(90), widthPx: 64, heightPx: 48 };
const findings = { objects: Detections.empty(["plant"]), regions: [] };

test("photos of one name in two folders have two pictures, a photo always the same", () => {
  const pictures = new AnnotatedPictures("/out");
  const file = pictures.fileOf("/a/tray.1.png");
  assert.match(file, /tray\.1-[0-9a-f]{8}\.jpg$/);
  assert.equal(pictures.fileOf("/a/tray.1.png"), file);
  assert.notEqual(pictures.fileOf("/b/tray.1.png"), file);
  assert.notEqual(pictures.fileOf("/a/tray.1.jpg"), file);
});

test("a picture is written whole, with or without regions, into a folder made for it", async () => {
  await using folder = await temporaryFolder();
  const pictures = new AnnotatedPictures(join(folder.path, "deep", "down"));
  await pictures.prepare();
  await pictures.prepare();
  const file = await pictures.write("/a/tray.png", photo, findings);
  await pictures.write("/a/other.png", photo, { objects: findings.objects });
  assert.equal(file, pictures.fileOf("/a/tray.png"));
  assert.equal((await decodePicture(file)).widthPx, 64);
  assert.equal((await readdir(pictures.folder)).length, 2);
});

test("a photo that was decoded at a fraction of its size is drawn with all its pixels", async () => {
  await using folder = await temporaryFolder();
  const pictures = new AnnotatedPictures(folder.path);
  const jpeg = await encodePicture(photo);
  await using reduced = await openReduced(jpeg, { wantedWhOf: () => [8, 6] });
  assert.ok(reduced.pixels instanceof ReducedPicture);
  const file = await pictures.write("/a/tray.png", reduced.pixels, findings);
  assert.equal((await decodePicture(file)).widthPx, 64);
});

test("photos with the longest names that there are have pictures, and each its own", async () => {
  await using folder = await temporaryFolder();
  const pictures = new AnnotatedPictures(folder.path);
  // 251 bytes and the extension's four.
  for (const stem of ["n".repeat(251), `x${"é".repeat(125)}`, `x${"é".repeat(124)}ü`]) {
    await pictures.write(`/a/${stem}.png`, photo, findings);
  }
  assert.equal((await readdir(folder.path)).length, 3);
});

test("a folder that cannot be made is refused", async () => {
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, "file"), "");
  for (const name of ["file", "file/annotated"]) {
    const pictures = new AnnotatedPictures(join(folder.path, name));
    await assert.rejects(pictures.prepare(), { code: "NOT_WRITABLE" });
  }
});

test("only what was left of a photo's own picture is removed", async () => {
  await using folder = await temporaryFolder();
  const pictures = new AnnotatedPictures(folder.path);
  const file = await pictures.write("/a/tray.png", photo, findings);
  const other = `${pictures.fileOf("/b/tray.png")}.1.part`;
  await writeFile(`${file}.123.part`, "half a picture");
  await writeFile(other, "another's");
  await mkdir(join(folder.path, "folder"));
  await pictures.removeLeftovers("/a/tray.png");
  const left = (await readdir(folder.path)).map((name) => join(folder.path, name));
  assert.deepEqual(left.sort(), [file, join(folder.path, "folder"), other].sort());
});
