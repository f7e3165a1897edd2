import assert from "node:assert/strict";
import { mkdir, mkdtempDisposable, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { OrangeryError } from "../../errors.ts";
import type { PhotoBytes } from "../photos/read-photo.ts";
import { findRegions } from "./find-regions.ts";
import { OwnRegions } from "./own-regions.ts";

const plots = (name: string) =>
  JSON.stringify({
    type: "Feature",
    properties: { name },
    geometry: {
      type: "Polygon",
      coordinates: [
        [
          [0, 0],
          [9, 0],
          [9, 9],
        ],
      ],
    },
  });

/** A bucket with these objects, as a reader of photos has it. */
function bucket(objects: { readonly [name: string]: string } = {}) {
  const read = async (name: string): Promise<PhotoBytes> => {
    const text = objects[name];
    if (text === undefined) throw new OrangeryError("PHOTO_NOT_FOUND", "Expected an object.");
    const bytes = Buffer.from(text);
    return { bytes, content: { sha256: "", sizeBytes: bytes.length, mtimeUs: 0 } };
  };
  return { read };
}

test("regions are found by what they are: at their path, in a folder, in a bucket", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-regions-"));
  const file = join(folder.path, "plots.json");
  const { sha256 } = OwnRegions.parse(plots("A1"));
  await writeFile(file, plots("A1"));
  const wanted = { file, sha256 };
  assert.equal((await findRegions(wanted, { reader: bucket() })).file, file);

  await writeFile(file, plots("B2"));
  await assert.rejects(findRegions(wanted, { reader: bucket() }), {
    code: "REGIONS_NOT_FOUND",
    message: /plots\.json \(other regions\)/,
  });

  const places = [join(folder.path, "none"), join(folder.path, "models")];
  const kept = join(places[1]!, "2026", "plots.json");
  await mkdir(join(kept, ".."), { recursive: true });
  await writeFile(kept, `\n${plots("A1")}`);
  await rm(file);
  assert.equal((await findRegions(wanted, { places, reader: bucket() })).file, kept);

  await rm(kept);
  const reader = bucket({ "s3://b/m/plots.json": plots("A1") });
  const found = await findRegions(wanted, { places: [...places, "s3://b/m/"], reader });
  assert.equal(found.sha256, sha256);
});
