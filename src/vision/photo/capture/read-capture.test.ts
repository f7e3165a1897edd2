import assert from "node:assert/strict";
import { describe, test } from "node:test";
import sharp from "sharp";
import { withoutLocation } from "./capture.ts";
import { type ExifDirectories, exifBytes } from "./exif-bytes.fixture.ts";
import { exifTags as tags } from "./exif-fields.ts";
import { readCapture } from "./read-capture.ts";

const grey = sharp({ create: { width: 8, height: 6, channels: 3, background: "#888" } });
const jpeg = await grey.clone().jpeg().toBuffer();

/** A JPEG with EXIF and XMP, each in a segment of its own. */
function photoWith(parts: { readonly exif?: Uint8Array; readonly xmp?: string }): Buffer {
  const segments = [
    ...(parts.exif ? [parts.exif] : []),
    ...(parts.xmp ? [Buffer.from(`http://ns.adobe.com/xap/1.0/\0${parts.xmp}`)] : []),
  ].map((body) => {
    const head = Buffer.from([0xff, 0xe1, 0, 0]);
    head.writeUInt16BE(body.length + 2, 2);
    return Buffer.concat([head, body]);
  });
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

const withExif = (fields: ExifDirectories, options?: { isLittle: boolean }) =>
  readCapture(photoWith({ exif: exifBytes(fields, options) }));

const drone: ExifDirectories = {
  image: { [tags.make]: "DJI", [tags.model]: "FC6310", [tags.dateTime]: "2026:06:01 09:00:00" },
  photo: {
    [tags.dateTimeOriginal]: "2026:05:12 06:30:00",
    [tags.offsetTimeOriginal]: "+02:00",
    [tags.focalLength]: [[88, 10]],
    [tags.focalLengthIn35mmFilm]: [24],
    [tags.pixelXDimension]: [5472],
    [tags.focalPlaneXResolution]: [[5472 * 10, 132]],
    [tags.focalPlaneResolutionUnit]: [4],
    [tags.bodySerialNumber]: "0K8TG",
  },
  gps: {
    [tags.gpsLatitudeRef]: "S",
    [tags.gpsLatitude]: [
      [33, 1],
      [30, 1],
      [36, 10],
    ],
    [tags.gpsLongitudeRef]: "W",
    [tags.gpsLongitude]: [
      [70, 1],
      [15, 1],
      [0, 1],
    ],
    [tags.gpsAltitudeRef]: [1],
    [tags.gpsAltitude]: [[123, 10]],
  },
};

describe("EXIF", () => {
  for (const isLittle of [true, false]) {
    test(`all fields are read, ${isLittle ? "least" : "most"} significant byte first`, async () => {
      assert.deepEqual(await withExif(drone, { isLittle }), {
        takenAt: "2026-05-12T06:30:00+02:00",
        latitude: -33.501,
        longitude: -70.25,
        altitudeM: -12.3,
        camera: "DJI FC6310",
        cameraId: "0K8TG",
        focalLengthMm: 8.8,
        focalLength35Mm: 24,
        sensorWidthMm: 13.2,
      });
    });
  }

  test("it is read from PNG and WebP as well, and from a TIFF's own directory", async () => {
    const onePixel = { 256: [1], 257: [1], 258: [8], 259: [1], 262: [1], 273: [8], 277: [1] };
    const image = { ...onePixel, 278: [1], 279: [1], [tags.model]: "Trap 3" };
    const tiff = exifBytes({ image }).subarray("Exif\0\0".length);
    assert.equal((await readCapture(tiff)).camera, "Trap 3");
    const withModel = grey.clone().withExif({ IFD0: { Model: "Trap 3" } });
    for (const format of ["png", "webp"] as const) {
      const bytes = await withModel.clone().toFormat(format).toBuffer();
      assert.equal((await readCapture(bytes)).camera, "Trap 3", format);
    }
  });

  test("without a zone the time has none, unless the receiver's clock shows it", async () => {
    const photo = { [tags.dateTimeOriginal]: "2026:05:12 06:30:07" };
    const timeWith = async (clock: readonly number[], date = "2026:05:12") => {
      const stamp = { [tags.gpsTimeStamp]: clock.map((n) => [n, 1] as const) };
      const gps = { ...stamp, [tags.gpsDateStamp]: date };
      return (await withExif({ photo, gps })).takenAt;
    };
    assert.equal((await withExif({ photo })).takenAt, "2026-05-12T06:30:07");
    assert.equal(await timeWith([0, 59, 58]), "2026-05-12T06:30:07+05:30");
    assert.equal(await timeWith([13, 30, 7], "2026:05:11"), "2026-05-12T06:30:07");
    assert.equal(await timeWith([10, 30, 7]), "2026-05-12T06:30:07-04:00");
    assert.equal(await timeWith([6, 22, 0]), "2026-05-12T06:30:07", "an old fix shows none");
  });

  test("impossible values are not known", async () => {
    const { takenAt, ...rest } = await withExif({
      photo: {
        [tags.dateTimeOriginal]: "2026:02:30 06:30:00",
        [tags.dateTimeDigitized]: "0000:00:00 00:00:00",
        [tags.focalLength]: [[0, 0]],
      },
      gps: {
        [tags.gpsLatitude]: [[91, 1]],
        [tags.gpsLongitude]: [[13, 1]],
        [tags.gpsAltitude]: [[1, 0]],
      },
    });
    assert.equal(takenAt, undefined);
    assert.deepEqual(rest, {});
  });

  test("a receiver without a fix, which writes zeros, gives no place", async () => {
    const zeros = { [tags.gpsLatitude]: [[0, 1]], [tags.gpsLongitude]: [[0, 1]] } as const;
    assert.deepEqual(await withExif({ gps: zeros }), {});
  });
});

describe("XMP", () => {
  test("a drone's height is read from attributes and from elements", async () => {
    const attributes = `<rdf:Description drone-dji:RelativeAltitude="+30.10"
      drone-dji:AbsoluteAltitude='+112.5' drone-dji:GpsLatitude="52.5"
      drone-dji:GpsLongtitude="13.4"/>`;
    const elements = "<Camera:AboveGroundAltitude unit='m'>48.25</Camera:AboveGroundAltitude>";
    assert.deepEqual(await readCapture(photoWith({ xmp: attributes })), {
      latitude: 52.5,
      longitude: 13.4,
      altitudeM: 112.5,
      heightM: 30.1,
    });
    assert.deepEqual(await readCapture(photoWith({ xmp: elements })), { heightM: 48.25 });
  });

  test("time, place and camera stand in for those that EXIF lacks", async () => {
    const xmp = `<x exif:DateTimeOriginal="2026-05-12T06:30:00.25-03:00" tiff:Model="Cam"
      exif:GPSLatitude="52,30.5S" exif:GPSLongitude="13,24,36E"/>`;
    assert.deepEqual(await readCapture(photoWith({ xmp })), {
      takenAt: "2026-05-12T06:30:00-03:00",
      latitude: -52.5083333,
      longitude: 13.41,
      camera: "Cam",
    });
    const both = photoWith({ exif: exifBytes(drone), xmp });
    assert.equal((await readCapture(both)).takenAt, "2026-05-12T06:30:00+02:00");
  });
});

describe("hostile bytes", () => {
  test("what is cut off anywhere, or is no photo, is not known and fails nothing", async () => {
    const exif = exifBytes(drone);
    for (let length = 0; length < exif.length; length += 7) {
      await readCapture(photoWith({ exif: exif.subarray(0, length) }));
    }
    assert.deepEqual(await readCapture(Buffer.from("not a photo")), {});
    assert.deepEqual(await readCapture(new Uint8Array(0)), {});
  });

  test("any byte may be changed", async () => {
    const exif = exifBytes(drone);
    for (let at = 6; at < exif.length; at += 3) {
      const changed = Buffer.from(exif);
      changed[at] = 0xff;
      await readCapture(photoWith({ exif: changed }));
    }
  });

  test("thousands of fields that each claim to hold the whole file are passed over", async () => {
    const size = 60_000;
    const body = Buffer.alloc(size, 1);
    body.write("II*\0\x08\0\0\0", "latin1");
    const entries = Math.floor((size - 14) / 12);
    body.writeUInt16LE(entries, 8);
    for (let i = 0; i < entries; i++) {
      const at = 10 + 12 * i;
      body.writeUInt16LE(i === 0 ? tags.make : i, at);
      body.writeUInt16LE(i === 0 ? 2 : 1, at + 2);
      body.writeUInt32LE(size - 8, at + 4);
      body.writeUInt32LE(8, at + 8);
    }
    const { camera } = await readCapture(
      photoWith({ exif: Buffer.concat([Buffer.from("Exif\0\0"), body]) }),
    );
    assert.ok(camera === undefined || camera.length <= 256);
  });

  test("XMP of names without values is passed over", async () => {
    const xmp = `<x ${":Model ".repeat(4000)}${":Model>".repeat(2000)}`;
    assert.deepEqual(await readCapture(photoWith({ xmp })), {});
  });
});

test("without a location, everything but place and height stays", async () => {
  const capture = withoutLocation({ ...(await withExif(drone)), heightM: 30 });
  const known = Object.entries(capture).filter(([, value]) => value !== undefined);
  assert.deepEqual(
    known.map(([name]) => name),
    ["takenAt", "camera", "cameraId", "focalLengthMm", "focalLength35Mm", "sensorWidthMm"],
  );
});
