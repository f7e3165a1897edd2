import assert from "node:assert/strict";
import { mkdtempDisposable, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../../errors.ts";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import type { Capture } from "../../../vision/photo/capture/capture.ts";
import { readCsvRows } from "../../csv-rows.ts";
import { exampleResult } from "../../recorded-photos.fixture.ts";
import type { ScaledResult } from "../../scale/photo-scale.ts";
import { SourceTable } from "../../source-table.ts";
import { type CamtrapOptions, writeCamtrapDp } from "./camtrap-dp.ts";
import { toMegaDetector } from "./megadetector.ts";
import { toPlaces } from "./places.ts";
import { ZonedTime } from "./zoned-time.ts";

const names = ["animal", "person", "fox"];
const morning = "2026-05-12T06:30:00+02:00";

function photo(source: string, capture: Capture, fields: Parameters<typeof exampleResult>[0] = {}) {
  const identity = { id: 1, source, contentSha256: "", recipeHash: "" };
  const createdAt = "2026-11-25T12:00:00.000Z";
  const result: StoredResult = {
    ...exampleResult({ names, ...fields }),
    ...identity,
    createdAt,
    capture,
  };
  return result;
}

async function* eachOf<T>(...items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = "";
  for await (const piece of pieces) text += piece;
  return text;
}

const fox = { classId: 2, score: 0.9, boxXyxy: [10, 8, 60, 48] } as const;
const place = { latitude: 52.5, longitude: 13.4 };

describe("a Camtrap DP", () => {
  /** Writes the package, and returns its tables as rows of their columns. */
  async function write(photos: readonly StoredResult[], options: CamtrapOptions = {}) {
    await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-camtrap-"));
    const path = join(folder.path, "package");
    const exported = photos.map((result) => ({ ...result, origin: `/p/${result.source}` }));
    await writeCamtrapDp(eachOf(...exported), {
      ...options,
      folder: path,
      recipeHash: "ab".repeat(32),
      nameOfFolder: (name) => name.slice("/p/".length),
    });
    assert.deepEqual((await readdir(path)).sort(), [
      "datapackage.json",
      "deployments.csv",
      "media.csv",
      "observations.csv",
    ]);
    const table = async (name: string) => {
      const text = await readFile(join(path, `${name}.csv`), "utf8");
      const [head = [], ...rows] = readCsvRows(text, () => new Error("no CSV"));
      return rows.map((cells) =>
        Object.fromEntries(
          head.map((title, i) => [title, cells[i]!] as const).filter(([, cell]) => cell !== ""),
        ),
      );
    };
    const [deployments, media, observations] = [
      await table("deployments"),
      await table("media"),
      await table("observations"),
    ];
    const metadata = JSON.parse(await readFile(join(path, "datapackage.json"), "utf8"));
    return { deployments, media, observations, metadata };
  }

  test("has a deployment for each folder, a medium for each photo, a row for each object", async () => {
    const later = { takenAt: "2026-05-12T05:30:00+00:00", latitude: 52.6, longitude: 13.4 };
    const { deployments, media, observations, metadata } = await write(
      [
        photo(
          "north/1.jpg",
          { takenAt: morning, ...place, camera: "Trap 3", cameraId: "7" },
          { objects: [fox] },
        ),
        photo("north/2.TIF", { ...later, camera: "Trap 3" }),
        photo(
          "https://host/x/3.png",
          { takenAt: morning, ...place },
          {
            objects: [{ classId: 1, boxXyxy: [-4, 0, 120, 80] }],
          },
        ),
      ],
      {
        taxa: new Map([["fox", "Vulpes vulpes"]]),
        metadata: { title: "Foxes", project: { title: "F" } },
      },
    );
    assert.deepEqual(deployments[1], {
      deploymentID: "north",
      locationID: "north",
      locationName: "north",
      latitude: "52.55",
      longitude: "13.4",
      deploymentStart: morning,
      deploymentEnd: "2026-05-12T05:30:00+00:00",
      cameraModel: "Trap 3",
    });
    assert.deepEqual(
      media.map(({ filePath, filePublic, fileMediatype, timestamp }) => [
        filePath,
        filePublic,
        fileMediatype,
        timestamp,
      ]),
      [
        ["north/1.jpg", "false", "image/jpeg", morning],
        ["north/2.TIF", "false", "image/tiff", "2026-05-12T05:30:00+00:00"],
        ["https://host/x/3.png", "true", "image/png", morning],
      ],
    );
    const [animal, blank, human] = observations;
    assert.equal(animal!.observationType, "animal");
    assert.equal(animal!.scientificName, "Vulpes vulpes");
    const { bboxX, bboxY, bboxWidth, bboxHeight, classificationProbability } = animal!;
    assert.deepEqual(
      [bboxX, bboxY, bboxWidth, bboxHeight, classificationProbability],
      ["0.1", "0.1", "0.5", "0.5", "0.9"],
    );
    assert.equal(blank!.observationType, "blank");
    assert.equal(blank!.mediaID, media[1]!.mediaID);
    assert.equal(human!.observationType, "human");
    assert.deepEqual([human!.bboxX, human!.bboxWidth], ["0", "1"], "boxes stay inside the photo");
    assert.equal(metadata.title, "Foxes");
    assert.deepEqual(
      [metadata.project.title, metadata.project.samplingDesign],
      ["F", "opportunistic"],
    );
    assert.deepEqual(metadata.taxonomic, [{ scientificName: "Vulpes vulpes" }]);
    assert.deepEqual(metadata.temporal, { start: "2026-05-12", end: "2026-05-12" });
  });

  test("takes sites and a zone for what photos do not say", async () => {
    const sites = SourceTable.parse("photo,latitude,longitude\nnorth,1.5,2.5\n", {
      name: "sites.csv",
      columns: { latitude: () => true, longitude: () => true },
      sourceOf: (name) => `/p/${name}`,
    });
    const undated = photo("north/100/1.jpg", { takenAt: "2026-07-12T06:30:00" });
    const elsewhere = photo("nrth/1.jpg", { takenAt: morning, ...place });
    const { deployments } = await write([undated, elsewhere], {
      sites,
      timeZone: "Europe/Berlin",
    });
    assert.equal(sites.missing, 1, "where it was taken, in a deployment of its own");
    assert.equal(deployments[0]!.deploymentID, "north");
    assert.equal(deployments[0]!.latitude, "1.5");
    assert.equal(deployments[0]!.deploymentStart, "2026-07-12T06:30:00+02:00");
  });

  test("is refused for photos without a time, a zone, a place or a relative name", async () => {
    for (const [source, capture, advice] of [
      ["a/1.jpg", place, "--format megadetector"],
      ["a/1.jpg", { ...place, takenAt: "2026-05-12T06:30:00" }, "--time-zone"],
      ["a/1.jpg", { takenAt: morning }, "--sites"],
      ["/a/1.jpg", { takenAt: morning, ...place }, "--relative-to"],
    ] as const) {
      await assert.rejects(write([photo(source, capture)]), (error) => {
        return isOrangeryError(error, "INVALID_ARGUMENT") && error.message.includes(advice);
      });
    }
    await assert.rejects(write([]), (error) => isOrangeryError(error, "INVALID_ARGUMENT"));
    const taxa = new Map([["foxx", "Vulpes vulpes"]]);
    const good = photo("a/1.jpg", { takenAt: morning, ...place });
    await assert.rejects(write([good], { taxa }), /`taxa` .* classes: 0 .*got `foxx`/);
  });

  test("advises what helps: leaving photos without a time out, or another format", async () => {
    const [dated, undated] = [
      photo("a/1.jpg", { takenAt: morning, ...place }),
      photo("a/2.jpg", place),
    ];
    for (const [photos, advice] of [
      [[dated, undated], /a\/2\.jpg does not say when it was taken.* --taken-after 1826-01-01\.$/],
      [[undated, undated, dated], /a\/2\.jpg does not say when .* --taken-after 1826-01-01\.$/],
      [[undated, undated], /none of them does\. .* --format megadetector, csv, coco\.$/],
    ] as const) {
      await assert.rejects(write(photos), advice);
    }
  });
});

test("a zone by name follows its change of clocks", () => {
  const berlin = new ZonedTime("Europe/Berlin");
  assert.equal(berlin.of("2026-01-12T06:30:00"), "2026-01-12T06:30:00+01:00");
  assert.equal(berlin.of("2026-03-29T01:59:59"), "2026-03-29T01:59:59+01:00");
  assert.equal(berlin.of("2026-03-29T03:00:00"), "2026-03-29T03:00:00+02:00");
  assert.equal(new ZonedTime("UTC").of("2026-01-12T06:30:00"), "2026-01-12T06:30:00+00:00");
  assert.equal(new ZonedTime("-03:30").of("2026-01-12T06:30:00"), "2026-01-12T06:30:00-03:30");
  assert.equal(new ZonedTime("+05:00").of(morning), morning, "a zone that is stated stays");
  assert.equal(new ZonedTime().of("2026-01-12T06:30:00"), undefined);
  for (const zone of ["+99:00", "-12:61"]) {
    assert.throws(() => new ZonedTime(zone), { code: "INVALID_ARGUMENT" });
  }
  assert.throws(
    () => new ZonedTime("Berlin"),
    (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
  );
});

test("MegaDetector's format has shares of the photo, and scores that are no whole numbers", async () => {
  const sure = { classId: 0, score: 1, boxXyxy: [0, 0, 100, 80] } as const;
  const text = await textOf(
    toMegaDetector(
      eachOf(
        photo('a "1".jpg', { takenAt: morning }, { objects: [sure, fox] }),
        photo("2.jpg", {}),
      ),
      {
        detector: "traps.pt",
        failures: eachOf({
          source: "3.jpg",
          recipeHash: "",
          reason: { code: "PHOTO_UNREADABLE", message: "" },
          capture: {},
        }),
      },
    ),
  );
  assert.match(text, /"conf":1\.00000/);
  assert.deepEqual(JSON.parse(text), {
    images: [
      {
        file: 'a "1".jpg',
        datetime: "2026:05:12 06:30:00",
        detections: [
          { category: "1", conf: 1, bbox: [0, 0, 1, 1] },
          { category: "3", conf: 0.9, bbox: [0.1, 0.1, 0.5, 0.5] },
        ],
      },
      { file: "2.jpg", detections: [] },
      { file: "3.jpg", failure: "PHOTO_UNREADABLE", detections: null },
    ],
    detection_categories: { 1: "animal", 2: "person", 3: "fox" },
    info: {
      format_version: "1.6",
      detector: "traps.pt",
      detection_completion_time: "2026-11-25 12:00:00",
    },
  });
});

test("places are points on earth; photos without one are left out", async () => {
  const known = photo("1.jpg", { takenAt: morning, ...place, altitudeM: 30 }, { objects: [fox] });
  const scale = { pixelsPerMetre: 10, from: "given", basis: "given" };
  const text = await textOf(
    toPlaces(eachOf<ScaledResult>(photo("0.jpg", {}), { ...known, scale })),
  );
  assert.deepEqual(JSON.parse(text).features, [
    {
      type: "Feature",
      geometry: { type: "Point", coordinates: [13.4, 52.5, 30] },
      properties: {
        photo: "1.jpg",
        takenAt: morning,
        objects: 1,
        count_animal: 0,
        count_person: 0,
        count_fox: 1,
        areaM2: 80,
        perM2: 0.0125,
      },
    },
  ]);
});
