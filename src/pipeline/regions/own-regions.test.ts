import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { exampleRegion } from "../../results/recorded-photos.fixture.ts";
import { OwnRegions } from "./own-regions.ts";

const sizeWh = [40, 30] as const;
const a1 = [
  [2, 3],
  [12, 3],
  [12, 9],
  [2, 9],
];
const feature = (properties: object, ...rings: number[][][]) => ({
  type: "Feature",
  properties,
  geometry: { type: "Polygon", coordinates: rings },
});
const geoJson = (...features: object[]) =>
  JSON.stringify({ type: "FeatureCollection", features: features });

/** Name, box and area of each region. */
function brief(regions: OwnRegions, source: string | undefined, wh = sizeWh) {
  return regions
    .of({ source, sizeWh: wh })
    .map(({ number, name, boxXyxy, areaPx }) => [number, name, boxXyxy.join(" "), areaPx]);
}

const formats: { readonly [format in string]: string } = {
  GeoJSON: geoJson(feature({ photo: "north/row-1.jpg", name: "A1" }, a1), {
    type: "Feature",
    properties: { photo: "none.jpg", kind: "photo" },
    geometry: null,
  }),
  COCO: JSON.stringify({
    images: [
      { id: 7, file_name: "north/row-1.jpg", width: 40, height: 30 },
      { id: 8, file_name: "none.jpg" },
    ],
    categories: [{ id: 1, name: "A1" }],
    annotations: [{ image_id: 7, category_id: 1, segmentation: [a1.flat()] }],
  }),
  "COCO with boxes and attributes": JSON.stringify({
    images: [
      { id: 7, file_name: "north/row-1.jpg", width: 40, height: 30 },
      { id: 8, file_name: "none.jpg" },
    ],
    categories: [
      { id: 1, name: "plot" },
      { id: 2, name: "weed", supercategory: "object" },
    ],
    annotations: [
      { image_id: 7, category_id: 1, bbox: [2, 3, 10, 6], attributes: { name: "A1" } },
      { image_id: 7, category_id: 2, bbox: [0, 0, 9, 9] },
    ],
  }),
  CVAT: `<?xml version="1.0" encoding="utf-8"?>
<!-- two photos -->
<annotations><version>1.1</version>
  <image id="0" name="north/row-1.jpg" width="40" height="30">
    <polygon label="plot" source="manual" points="2.00,3.00;12.00,3.00;12.00,9.00;2.00,9.00">
      <attribute name="name">A1</attribute>
    </polygon>
  </image>
  <image id="1" name="none.jpg" width="40" height="30"></image>
</annotations>`,
  "CVAT with boxes": `<annotations><image id="0" name="north/row-1.jpg" width="40" height="30">
    <box label="A1" xtl="2" ytl="3" xbr="12" ybr="9"/></image>
    <image name="none.jpg" width="40" height="30"/></annotations>`,
  "Label Studio": JSON.stringify([
    {
      data: { image: "/data/local-files/?d=north/row-1.jpg" },
      annotations: [
        {
          result: [
            {
              type: "polygonlabels",
              original_width: 40,
              original_height: 30,
              value: {
                points: a1.map(([x, y]) => [(100 * x!) / 40, (100 * y!) / 30]),
                polygonlabels: ["A1"],
              },
            },
            { type: "choices", value: { choices: ["sunny"] } },
          ],
        },
      ],
    },
    { data: { image: "/data/upload/3/1a2b3c4d-none.jpg" }, annotations: [{ result: [] }] },
  ]),
};

describe("OwnRegions", () => {
  for (const [format, text] of Object.entries(formats)) {
    test(`reads ${format}`, () => {
      const regions = OwnRegions.parse(text);
      const expected = [[1, "A1", "2 3 12 9", 60]];
      assert.deepEqual(brief(regions, "/data/north/row-1.jpg"), expected);
      assert.deepEqual(brief(regions, "C:\\data\\north\\row-1.jpg"), expected);
      assert.deepEqual(brief(regions, "s3://b/none.jpg"), [], "nothing is counted");
      assert.throws(() => brief(regions, "/data/south/row-1.jpg"), { code: "REGIONS_MISSING" });
      assert.equal(regions.photoCount, 2);
    });
  }

  test("has regions for all photos, which a photo's own replace", () => {
    const own = feature({ photo: "b.jpg", name: "B" }, a1);
    const regions = OwnRegions.parse(geoJson(feature({ name: "all" }, a1), own));
    assert.deepEqual(brief(regions, "/x/a.jpg"), [[1, "all", "2 3 12 9", 60]]);
    assert.deepEqual(brief(regions, undefined), [[1, "all", "2 3 12 9", 60]]);
    assert.deepEqual(brief(regions, "/x/b.jpg"), [[1, "B", "2 3 12 9", 60]]);
    assert.deepEqual(brief(regions, "/x/a.jpg", [10, 8] as never), [[1, "all", "2 3 10 8", 40]]);
  });

  test("leaves holes, unites parts, and keeps names that several have", () => {
    const hole = [
      [4, 5],
      [6, 5],
      [6, 7],
      [4, 7],
    ];
    const parts = [[a1, hole], [a1.map(([x, y]) => [x! + 20, y!])]];
    const multi = {
      type: "Feature",
      properties: { name: "bed" },
      geometry: { type: "MultiPolygon", coordinates: parts },
    };
    const regions = OwnRegions.parse(geoJson(multi, feature({ name: "bed" }, a1)));
    const [first, second] = regions.of({ source: undefined, sizeWh });
    assert.deepEqual([first!.areaPx, second!.areaPx], [60 - 4 + 60, 60]);
    assert.deepEqual([first!.classId, second!.classId], [0, 0]);
    assert.equal(first!.mask.contains(5, 6), false);
  });

  test("has the hash of its regions, whatever the file looks like", () => {
    const [geo, , boxes, cvat] = Object.values(formats).map(
      (text) => OwnRegions.parse(text).sha256,
    );
    assert.equal(boxes, OwnRegions.parse(formats.COCO!).sha256);
    assert.notEqual(geo, cvat, "CVAT names the size of both photos");
    const [one, other] = [feature({ photo: "a", name: "A" }, a1), feature({ photo: "b" }, a1)];
    const of = (...features: object[]) => OwnRegions.parse(geoJson(...features)).sha256;
    assert.equal(of(one, other), of(other, one), "photos have no order");
    assert.notEqual(of(one), of({ ...one, properties: { photo: "a", name: "B" } }));
    assert.notEqual(of(one), of(feature({ name: "A" }, a1)));
  });

  test("reads what COCO's run lengths and GeoJSON of masks have, to the pixel", async () => {
    const { outlineMask } = await import("../../vision/masks/pixel-outline.ts");
    const { mask } = exampleRegion(1, sizeWh, (x, y) => (x * 7 + y * 3) % 5 > 1 && x > y);
    const shapes = outlineMask(mask);
    const geometry = { type: "MultiPolygon", coordinates: shapes };
    const asGeoJson = geoJson({ type: "Feature", properties: { photo: "a.jpg" }, geometry });
    const asCoco = JSON.stringify({
      images: [{ id: 1, file_name: "a.jpg" }],
      annotations: [{ image_id: 1, segmentation: mask.toRle() }],
    });
    for (const text of [asGeoJson, asCoco]) {
      const [region] = OwnRegions.parse(text).of({ source: "a.jpg", sizeWh });
      assert.deepEqual(region!.mask.counts, mask.counts);
    }
  });

  test("refuses photos of another size, and regions beyond the photo", () => {
    const regions = OwnRegions.parse(formats.COCO!);
    const of = (wh: readonly [number, number]) => () =>
      regions.of({ source: "north/row-1.jpg", sizeWh: wh });
    assert.throws(of([41, 30]), (error) => isOrangeryError(error, "REGIONS_DO_NOT_FIT"));
    assert.throws(of([30, 40]), /before it was turned upright/);
    const below = a1.map(([x, y]) => [x!, -y!]);
    const outside = OwnRegions.parse(geoJson(feature({ name: "A1" }, below)));
    assert.throws(() => outside.of({ source: "a", sizeWh }), /"A1" on the photo.*y down/);
  });

  for (const [what, text, message] of [
    ["no JSON", "plots", /GeoJSON, COCO/],
    ["other JSON", "{}", /got other JSON/],
    ["no regions", geoJson(), /regions, but the file has none/],
    ["places on earth", JSON.stringify({ type: "FeatureCollection", crs: {} }), /pixels/],
    [
      "a line",
      geoJson({ type: "Feature", geometry: { type: "LineString" } }),
      /feature 1.*LineStr/,
    ],
    ["two corners", geoJson(feature({}, a1.slice(0, 2))), /three corners or more, got 2/],
    [
      "a corner that is none",
      geoJson(
        feature({}, [
          [1, 2],
          ["3", 4],
        ] as never),
      ),
      /two numbers/,
    ],
    ["a file that ends early", "<annotations><image name='a'>", /<image> does not end/],
    ["an ellipse", "<annotations><image name='a'><ellipse/></image></annotations>", /an? ellipse/],
    [
      "a stray annotation",
      '{"images":[],"annotations":[{"image_id":1}]}',
      /of an image in the file/,
    ],
    [
      "two annotators",
      '[{"data":{"image":"a"},"annotations":[{},{}]}]',
      /one annotation of a, got 2/,
    ],
    ["a photo twice", formats.CVAT!.replace("none.jpg", "./north/row-1.jpg"), /once by its name/],
  ] as const) {
    test(`refuses ${what}`, () => {
      assert.throws(
        () => OwnRegions.parse(text),
        (error) => isOrangeryError(error, "REGIONS_INVALID") && message.test(error.message),
      );
    });
  }

  test("names the file that is not there", async () => {
    await assert.rejects(OwnRegions.read("/none/plots.json"), (error) => {
      return isOrangeryError(error, "REGIONS_NOT_FOUND") && error.message.includes("/none/plots");
    });
  });
});
