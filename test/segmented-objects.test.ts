import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CliFolder, examplePhotos } from "./cli.fixture.ts";

// A network that segments, here the one for beds, as what is counted.

let folder: CliFolder;
before(async () => {
  folder = await CliFolder.create();
  const photos = ["tray-1.jpg", "tray-3.jpg", "empty-soil.jpg"].map((name) =>
    join(examplePhotos, name),
  );
  const args = ["--detect", "sample:beds", "--device", "cpu", "--annotate", "drawn"];
  const { status, stderr, stdout } = await folder.run("run", ...photos, ...args);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /tray-3\.jpg +3\n/);
});
after(() => folder[Symbol.asyncDispose]());

async function exported(file: string, ...args: string[]): Promise<string> {
  const { status, stderr } = await folder.run("export-results", "results.db", ...args);
  assert.equal(status, 0, stderr);
  return await readFile(join(folder.path, file), "utf8");
}

interface Shape {
  readonly type: string;
  readonly coordinates: readonly unknown[];
}

describe("objects with masks", () => {
  test("have an area and a share of the photo in SQL", () => {
    const rows = folder.query(
      "select name, area_px, photo_share, region from photo_object order by area_px desc",
    );
    assert.equal(rows.length, 4);
    for (const { area_px, photo_share, region } of rows) {
      assert.ok(Number(area_px) > 1000 && Number(photo_share) > 0.001, String(area_px));
      assert.ok(Number(photo_share) < 1);
      assert.equal(region, null);
    }
  });

  test("have their pixels as segmentation in COCO", async () => {
    const { annotations, images } = JSON.parse(
      await exported("results.coco.json", "--format", "coco"),
    );
    assert.deepEqual([images.length, annotations.length], [3, 4]);
    for (const { area, bbox, segmentation, attributes } of annotations) {
      assert.ok(area < bbox[2] * bbox[3], "less than its box");
      assert.deepEqual(Object.keys(segmentation), ["size", "counts"]);
      assert.deepEqual(Object.keys(attributes), ["photo_share"]);
    }
  });

  test("have an outline in GeoJSON that encloses their area", async () => {
    const text = await exported("results.geojson", "--format", "geojson");
    const objects = JSON.parse(text).features.filter(
      (feature: { properties: { kind: string } }) => feature.properties.kind === "object",
    );
    assert.equal(objects.length, 4);
    for (const { geometry, properties } of objects) {
      assert.equal(enclosedArea(geometry), properties.areaPx);
      assert.ok(properties.photoShare > 0.001 && properties.photoShare < 1);
    }
  });

  test("have columns in the tables, and photos what they cover together", async () => {
    const rowsOf = async (rows: string) => {
      const file = `${rows}.csv`;
      const text = await exported(file, "--format", "csv", "--rows", rows, "--out", file);
      return text.trim().split("\r\n");
    };
    const objects = await rowsOf("objects");
    assert.match(objects[0]!, /,area_px,photo_share,area_m2,region_class,counts$/);
    assert.match(objects[1]!, /,\d{4,},0\.\d+,,,predicted$/);
    const photos = await rowsOf("photos");
    assert.match(photos[0]!, /,sha256,(\w+,){4}covered_px,covered_share,/);
    assert.match(photos.find((line) => line.includes("empty-soil"))!, /,\w{64},,,,\w*,0,0,/);
    assert.match(photos.find((line) => line.includes("tray-1"))!, /,\w{64},,,,,\d{4,},0\.\d+,/);
  });

  test("are outlined in the report, which has what they cover", async () => {
    const { status, stderr } = await folder.run("report", "results.db");
    assert.equal(status, 0, stderr);
    const page = await readFile(join(folder.path, "results.html"), "utf8");
    assert.match(page, /Covered/);
    assert.match(page, /\d %<\/td>/);
    const outline = /class="object"[^>]*d="(M[^"]*)"/.exec(page)?.[1] ?? "";
    assert.ok(outline.includes("L") && !outline.includes("H"), "an outline, not a box");
  });
});

/** By the shoelace formula: outer rings less their holes. */
function enclosedArea({ type, coordinates }: Shape): number {
  const rings = (type === "Polygon" ? coordinates : coordinates.flat()) as [number, number][][];
  let area = 0;
  for (const ring of rings) {
    for (const [i, [x1, y1]] of ring.entries()) {
      const [x2, y2] = ring[(i + 1) % ring.length]!;
      area += (x1 * y2 - x2 * y1) / 2;
    }
  }
  return Math.abs(area);
}
