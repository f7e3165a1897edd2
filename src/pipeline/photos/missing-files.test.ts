import assert from "node:assert/strict";
import { mkdtempDisposable, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { missingFiles } from "./missing-files.ts";

test("only files whose names are not there are missing", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-missing-"));
  const at = (name: string) => join(folder.path, name);
  await writeFile(at("here.jpg"), "");
  await symlink(at("nowhere.jpg"), at("link.jpg"));
  await symlink("circle.jpg", at("circle.jpg"));
  const there = [at("here.jpg"), at("link.jpg"), at("circle.jpg"), at("circle.jpg/below.jpg")];
  const elsewhere = ["https://host/a.jpg", "s3://bucket/a.jpg", "relative.jpg"];
  const tooLong = at("x".repeat(5000));
  const missing = [at("gone.jpg"), at("no/folder/gone.jpg"), at("here.jpg/below.jpg")];
  assert.deepEqual(await missingFiles([...there, ...elsewhere, tooLong, ...missing]), missing);
});
