import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lookAtCache } from "./cache.ts";
import { lookAtTemporary } from "./temporary.ts";
import { tryWriting } from "./try-writing.ts";

const folder = mkdtempSync(join(tmpdir(), "orangery-folders-"));
const fileInTheWay = join(folder, "file");
writeFileSync(fileInTheWay, "");
after(() => rmSync(folder, { recursive: true }));

test("a folder that can be written is left as it was, and so is one that is not there", async () => {
  const before = readdirSync(folder);
  const there = await tryWriting(folder);
  assert.deepEqual([there.refusal, there.exists, there.folder], [undefined, true, folder]);
  const missing = await tryWriting(join(folder, "a", "b"));
  assert.deepEqual([missing.refusal, missing.exists, missing.folder], [undefined, false, folder]);
  assert.deepEqual(readdirSync(folder), before);
});

test("a cache folder that cannot be written is yellow, with what to do", async () => {
  for (const path of [fileInTheWay, join(fileInTheWay, "below")]) {
    const { verdict, sentence, todo } = await lookAtCache({ ORANGERY_CACHE: path });
    assert.equal(verdict, "yellow");
    assert.match(sentence, /a file is in the way \(ENOTDIR\), so every process loads/);
    assert.match(todo ?? "", /ORANGERY_CACHE to another folder\.$/);
  }
  const off = await lookAtCache({ ORANGERY_CACHE: folder, ORANGERY_CACHE_MAX_BYTES: "0" });
  assert.equal(off.verdict, "yellow");
});

const needsProc = { skip: process.platform !== "linux" && "needs /proc" };

test("a cache folder that the system makes for nobody is yellow", needsProc, async () => {
  const { verdict, sentence } = await lookAtCache({ ORANGERY_CACHE: "/proc/orangery" });
  assert.equal(verdict, "yellow");
  assert.match(sentence, /^Models cannot be saved in \/proc\/orangery: .*\((ENOENT|EACCES)\)/);
});

test("a temporary folder that is not there is yellow: nobody makes it", async () => {
  const missing = join(folder, "nowhere", "below");
  const { verdict, sentence, todo } = await lookAtTemporary(missing);
  assert.equal(verdict, "yellow");
  assert.equal(
    sentence,
    `${missing} does not exist; photos of more than 64 megapixels and some exports fail.`,
  );
  assert.equal(todo, "Make this folder, or set TMPDIR to one that exists.");
  assert.deepEqual(readdirSync(folder), ["file"]);
});

test("a temporary folder that is a file is named so", async () => {
  const { verdict, sentence } = await lookAtTemporary(fileInTheWay);
  assert.equal(verdict, "yellow");
  assert.match(sentence, /a file is in the way \(ENOTDIR\)/);
});

test(
  "a folder in which even root makes no files is named with the system's reason",
  needsProc,
  async () => {
    const { verdict, sentence } = await lookAtTemporary("/proc");
    assert.equal(verdict, "yellow");
    assert.match(sentence, /^Nothing can be written to \/proc: .*\((ENOENT|EACCES)\)/);
  },
);
