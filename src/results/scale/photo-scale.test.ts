import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { readScaleTable, scaleFrom, toSquareMetres } from "./photo-scale.ts";

const photo = { source: "/p/north/1.jpg", capture: {}, widthPx: 5472, heightPx: 3648 };

/** A Phantom 4 Pro at 100 m, whose makers state 2.74 cm for a pixel. */
const drone = { focalLengthMm: 8.8, sensorWidthMm: 13.2, heightM: 100 };

describe("the scale of a photo", () => {
  test("is what was given", () => {
    assert.deepEqual(scaleFrom({ pixelsPerMetre: 400 })(photo), {
      pixelsPerMetre: 400,
      from: "given",
      basis: "given",
    });
    assert.equal(scaleFrom({})(photo), undefined);
  });

  test("follows from height, focal length and sensor", () => {
    const scaleOf = scaleFrom({ height: "recorded" });
    const scale = scaleOf({ ...photo, capture: drone })!;
    assert.ok(Math.abs(100 / scale.pixelsPerMetre - 2.74) < 0.005, `${scale.pixelsPerMetre}`);
    assert.equal(scale.from, "height 100 m, focal length 8.8 mm, sensor 13.2 mm wide");
    const turned = { ...photo, widthPx: 3648, heightPx: 5472, capture: drone };
    assert.deepEqual(scaleOf(turned), scale);
    const lower = scaleFrom({ height: 50 })({ ...photo, capture: drone })!;
    assert.ok(Math.abs(lower.pixelsPerMetre - 2 * scale.pixelsPerMetre) < 1e-3);
  });

  test("follows from the equivalent focal length where the sensor is not known", () => {
    const capture = { focalLength35Mm: 24, heightM: 100 };
    const equivalent = scaleFrom({ height: "recorded" })({ ...photo, capture })!;
    const exact = scaleFrom({ height: "recorded" })({ ...photo, capture: drone })!;
    assert.ok(Math.abs(equivalent.pixelsPerMetre / exact.pixelsPerMetre - 1) < 0.02);
    const withSensor = scaleFrom({ height: 100, sensorWidthMm: 13.2 });
    const { sensorWidthMm: _, ...unknown } = drone;
    assert.equal(withSensor({ ...photo, capture: unknown })?.pixelsPerMetre, exact.pixelsPerMetre);
  });

  test("is not known of photos without what it takes", () => {
    for (const capture of [{}, { heightM: 0, focalLength35Mm: 24 }, { focalLengthMm: 8.8 }]) {
      assert.equal(scaleFrom({ height: "recorded" })({ ...photo, capture }), undefined);
    }
  });

  test("has one source", () => {
    for (const options of [
      { pixelsPerMetre: 400, height: 30 },
      { pixelsPerMetre: 0 },
      { height: -3 },
      { sensorWidthMm: 13.2 },
    ]) {
      assert.throws(
        () => scaleFrom(options),
        (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
      );
    }
  });
});

describe("a table of scales", () => {
  const parse = (text: string) =>
    readScaleTable(text, { name: "scales.csv", sourceOf: (name) => `/p/${name}` });

  test("is by photo, or by the nearest folder", () => {
    const table = parse(
      'note;photo;pixels_per_metre\r\n"a; b";north/;100\r\n;north/1.jpg;200\r\n;south;300\r\n;x;\r\n',
    );
    const scaleOf = (source: string) => scaleFrom({ table })({ ...photo, source })?.pixelsPerMetre;
    assert.equal(scaleOf("/p/north/1.jpg"), 200);
    assert.equal(scaleOf("/p/north/deep/2.jpg"), 100);
    assert.equal(scaleOf("/p/south/1.jpg"), 300);
    assert.equal(scaleOf("/p/southern/1.jpg"), undefined);
    assert.equal(scaleOf("/q/1.jpg"), undefined);
  });

  test("that is something else is refused", () => {
    for (const text of ["", "photo,count\na,1\n", "photo,pixels_per_metre\na,-1\n", 'photo,"x']) {
      assert.throws(
        () => parse(text),
        (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
        text,
      );
    }
  });
});

test("areas are in square metres where the scale is known", () => {
  assert.equal(toSquareMetres(160_000, { pixelsPerMetre: 400, from: "given", basis: "given" }), 1);
  assert.equal(toSquareMetres(160_000, undefined), undefined);
});
