import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { decodePicture } from "./decode-picture.ts";
import { type EncodeOptions, encodePicture, savePicture } from "./picture-file.ts";

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

test("a folder that is missing is made", async () => {
  const path = join(folder, "new", "folder", "a.png");
  await savePicture(picture, path);
  assert.ok((await readFile(path)).length > 0);
});

test("another extension, or a path that cannot be written, is refused", async () => {
  await writeFile(join(folder, "file"), "");
  for (const name of ["a.gif", "a"]) {
    await assert.rejects(savePicture(picture, join(folder, name)), { code: "INVALID_ARGUMENT" });
  }
  const below = join(folder, "file/a.png");
  await assert.rejects(savePicture(picture, below), { code: "NOT_WRITABLE" });
});

test("another format or quality is refused, and an option that there is not", async () => {
  const wrong = [{ format: "webp" }, { quality: 0 }, { quality: 101 }, { quality: "9" }, { q: 9 }];
  for (const options of wrong) {
    const encoding = encodePicture(picture, options as EncodeOptions);
    await assert.rejects(encoding, { code: "INVALID_ARGUMENT" });
  }
});

test("a full disk is reported as such, and nothing is left behind", {
  skip: process.platform !== "linux" && "needs bash's ulimit",
}, async () => {
  const path = join(folder, "full", "a.png");
  await mkdir(dirname(path));
  const script = `
    import { savePicture } from ${JSON.stringify(import.meta.resolve("./picture-file.ts"))};
    const picture = { data: new Uint8Array(3 * 64 * 64), widthPx: 64, heightPx: 64 };
    await savePicture(picture, ${JSON.stringify(path)}).catch(({ code }) => console.log(code));`;
  // Ignored, the signal that comes with the limit becomes an error.
  const limited = `trap '' XFSZ; unset NODE_V8_COVERAGE; ulimit -f 0; exec "$@"`;
  const { stdout, stderr } = spawnSync(
    "bash",
    ["-c", limited, "bash", process.execPath, "--input-type=module", "--eval", script],
    { encoding: "utf8" },
  );
  assert.equal(stdout, "NO_SPACE\n", stderr);
  assert.deepEqual(await readdir(dirname(path)), []);
});
