import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { lstat, mkdir, readFile, readlink, symlink, writeFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { writeCheckpoint } from "../../checkpoint/checkpoint-writer.fixture.ts";
import { smallCheckpoint } from "../../checkpoint/yolo/small-checkpoint.fixture.ts";
import { readModel } from "../../graph/onnx/model-reader.ts";
import { ModelFolder, tinyYolo } from "../yolo/tiny-yolo.fixture.ts";
import { exportModel } from "./export-model.ts";

let folder: ModelFolder;
let checkpoint: string;
before(async () => {
  folder = await ModelFolder.create();
  checkpoint = await folder.write("small.pt", writeCheckpoint(smallCheckpoint()));
});
after(() => folder[Symbol.asyncDispose]());

const isModel = async (path: string) => readModel(await readFile(path)).outputs.length === 2;

describe("exporting a checkpoint", () => {
  test("says what it has written, in a folder that it makes", async () => {
    const path = folder.file("new/folder/small.onnx");
    const { bytes, ...exported } = await exportModel(checkpoint, path, { imageSize: [64, 96] });
    assert.deepEqual(exported, { path, inputShape: [1, 3, 64, 96], elementType: "float32" });
    assert.equal(bytes, (await readFile(path)).length);
  });

  test("writes the file that a link leads to, and leaves the link", async () => {
    await mkdir(folder.file("links"));
    await writeFile(folder.file("links/real.onnx"), "old");
    await symlink("real.onnx", folder.file("links/to-real.onnx"));
    await symlink("to-real.onnx", folder.file("links/to-link.onnx"));
    await symlink("missing.onnx", folder.file("links/to-missing.onnx"));
    for (const [link, file] of [
      ["to-link.onnx", "real.onnx"],
      ["to-missing.onnx", "missing.onnx"],
    ]) {
      await exportModel(checkpoint, folder.file(`links/${link}`));
      assert.ok(await isModel(folder.file(`links/${file}`)));
      assert.ok((await lstat(folder.file(`links/${link}`))).isSymbolicLink());
    }
    assert.equal(await readlink(folder.file("links/to-link.onnx")), "to-real.onnx");
  });

  test("never writes over the model, by whatever name", async () => {
    await symlink(checkpoint, folder.file("model-link.pt"));
    for (const path of [checkpoint, folder.file("model-link.pt")]) {
      await assert.rejects(exportModel(checkpoint, path), {
        code: "INVALID_ARGUMENT",
        message: /than the model itself/,
      });
    }
  });

  test("refuses a folder, a device, a pipe, and links in a circle", async () => {
    await symlink("circle", folder.file("circle"));
    const pipe = folder.file("pipe");
    assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
    for (const path of [folder.path, "/dev/null", pipe, folder.file("circle")]) {
      await assert.rejects(exportModel(checkpoint, path), { code: "INVALID_ARGUMENT" });
    }
    assert.ok((await lstat(pipe)).isFIFO());
    assert.ok((await lstat("/dev/null")).isCharacterDevice());
  });

  for (const [what, contents, code, message] of [
    ["an ONNX model", tinyYolo(), "INVALID_ARGUMENT", /begin as an ONNX model does.*no export/],
    ["an empty file", "", "INVALID_ARGUMENT", /an empty file/],
    ["text", "hello", "INVALID_ARGUMENT", /5 bytes that begin with 68 65/],
    ["a photo", Buffer.from("ffd8ffe0", "hex"), "INVALID_ARGUMENT", /a JPEG picture/],
    [
      "the first bytes of a checkpoint of long ago",
      Buffer.from("80028a0a6cfc9c46f9206aa850192e", "hex"),
      "CHECKPOINT_UNREADABLE",
      /ends at byte 15/,
    ],
  ] as const) {
    test(`says of ${what} what it is`, async () => {
      const path = await folder.write("other.bin", contents);
      await assert.rejects(exportModel(path, folder.file("never.onnx")), { code, message });
    });
  }

  test("ends with the signal's reason while the checkpoint is read", async () => {
    const aborter = new AbortController();
    const reason = new Error("enough");
    const exporting = exportModel(checkpoint, folder.file("never.onnx"), {
      signal: aborter.signal,
    });
    setTimeout(() => aborter.abort(reason), 1);
    await assert.rejects(exporting, reason);
    await assert.rejects(lstat(folder.file("never.onnx")), { code: "ENOENT" });
  });
});
