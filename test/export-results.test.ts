/** `orangery export-results`: what other programs get. */
import assert from "node:assert/strict";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { fromCocoCounts } from "../src/ledger/coco-counts.ts";
import { createRecipe } from "../src/ledger/recipe.ts";
import { readCsvRows } from "../src/results/csv-rows.ts";
import {
  exampleRegion,
  exampleResult,
  type RecordedPhoto,
  recordPhotos,
} from "../src/results/recorded-photos.fixture.ts";
import { CliFolder, mainFile } from "./cli.fixture.ts";

const names = ["plant", 'weed, "tall"', "stone"];
/** A ring of pixels with a hole, and a speck. */
const region = exampleRegion(
  1,
  [100, 80],
  (x, y) =>
    (x >= 10 && x < 50 && y >= 10 && y < 60 && !(x >= 20 && x < 30 && y >= 20 && y < 25)) ||
    (x === 90 && y === 70),
);
const emptyRegion = exampleRegion(2, [100, 80], (x, y) => x > 95 && y > 75);
const counted: RecordedPhoto = {
  source: "/photos/a/1.jpg",
  result: exampleResult({
    names,
    objects: [
      { classId: 0, score: 0.93, boxXyxy: [12.34, 20, 22.34, 40.5], region: 1 },
      { classId: 1, score: 0.5, boxXyxy: [-0.4, 0, 20, 10], region: 0 },
      { classId: 0, score: 0.25, boxXyxy: [30, 30, 34, 36], region: 1 },
    ],
    regions: [region, emptyRegion],
  }),
};
const empty: RecordedPhoto = {
  source: "/photos/b/1.jpg",
  result: exampleResult({ names, regions: [] }),
};
const third: RecordedPhoto = {
  source: "/photos/b/2.png",
  result: exampleResult({ names, objects: [{ classId: 2, boxXyxy: [0, 0, 100, 80] }] }),
};
const broken: RecordedPhoto = {
  source: "/photos/c/=1+1.jpg",
  reason: { code: "PHOTO_UNREADABLE", message: 'Expected a photo,\ngot "nothing".' },
};

let folder: CliFolder;

before(async () => {
  folder = await CliFolder.create();
  await recordPhotos(join(folder.path, "results.db"), [counted, empty, third, broken]);
  await recordPhotos(join(folder.path, "failures.db"), [broken]);
});
after(() => folder[Symbol.asyncDispose]());

async function exportTo(file: string, ...args: string[]): Promise<string> {
  const { status, stderr } = await folder.run("export-results", ...args, "--out", file, "--quiet");
  assert.equal(status, 0, stderr);
  return await readFile(join(folder.path, file), "utf8");
}

const exportJson = async (file: string, ...args: string[]) =>
  JSON.parse(await exportTo(file, ...args));

async function assertNothingPartial(): Promise<void> {
  const files = await readdir(folder.path);
  assert.deepEqual(
    files.filter((file) => file.endsWith(".part")),
    [],
  );
}

describe("csv", () => {
  test("has a row for every count, and one of zero where there is none", async () => {
    const text = await exportTo("counts.csv", "results.db", "--format", "csv");
    const perMpx = (count: number, area: number) => String(Math.round((1e9 * count) / area) / 1e3);
    // The columns between are empty: where and how large photos are is not known.
    const lines = text.split("\r\n").map((line) => line.replace(/,{6}predicted$/, ""));
    assert.deepEqual(lines, [
      "photo,region,region_class,class,count,area_px,count_per_megapixel," +
        "taken_at,latitude,longitude,area_m2,count_per_m2,counts",
      "/photos/a/1.jpg,0,,plant,2,8000,250",
      '/photos/a/1.jpg,0,,"weed, ""tall""",1,8000,125',
      `/photos/a/1.jpg,1,bed,plant,2,1951,${perMpx(2, 1951)}`,
      "/photos/a/1.jpg,2,bed,,0,16,0",
      "/photos/b/1.jpg,0,,,0,8000,0",
      "/photos/b/2.png,0,,stone,1,8000,125",
      "",
    ]);
  });

  test("lists failed photos in the table of photos", async () => {
    const text = await exportTo("photos.csv", "results.db", "--format", "csv", "--rows", "photos");
    const [head, first, second, , last] = text.split(/\r\n/);
    assert.match(head!, /^photo,state,width_px,height_px,objects,regions,slices,mean_score,/);
    assert.match(first!, /^\/photos\/a\/1\.jpg,done,100,80,3,2,1,0\.56,0\.25,cpu,,"\{""read"":1,/);
    assert.match(second!, /^\/photos\/b\/1\.jpg,done,100,80,0,0,1,,,cpu,/);
    assert.match(
      last!,
      /^\/photos\/c\/=1\+1\.jpg,failed,{13}PHOTO_UNREADABLE,"Expected a photo,\ngot ""nothing""\.",+predicted$/,
    );
  });

  test("gives boxes and scores as they were recorded, and goes to a pipe", async () => {
    const { status, stdout, stderr } = await folder.run(
      ...["export-results", "results.db", "--format", "csv", "--rows", "objects", "--out", "-"],
    );
    assert.equal(status, 0, stderr);
    assert.equal(
      stdout.split("\r\n")[1],
      "/photos/a/1.jpg,1,plant,0.93,12.34,20,22.34,40.5,1,,,,bed,predicted",
    );
    assert.equal(stdout.split("\r\n").length, 6);
  });
});

describe("a selection of photos", () => {
  const file = "selection.db";
  const sourcesIn = async (...args: string[]) => {
    const text = await exportTo("selected.csv", file, ...args, ...["--format", "csv"]);
    const photos = text.split("\r\n").slice(1, -1);
    return [...new Set(photos.map((row) => row.split(",")[0]))];
  };
  before(async () => {
    const contentSha256 = "ab".repeat(32);
    const result = counted.result!;
    await recordPhotos(join(folder.path, file), [
      { source: "/photos/a/1.jpg", contentSha256, result },
      { source: "/photos/b/1.jpg", contentSha256, result },
      { source: "/photos/b/2.png", result: third.result! },
      broken,
    ]);
  });

  test("is all photos below a folder", async () => {
    const all = ["/photos/a/1.jpg", "/photos/b/1.jpg", "/photos/b/2.png"];
    assert.deepEqual(await sourcesIn("--under", "/photos"), all);
    assert.deepEqual(await sourcesIn("--under", "/photos/b/"), all.slice(1));
    assert.deepEqual(await sourcesIn("--under", "/photos/a/1.jpg"), all.slice(0, 1));
  });

  test("of none is refused, and says where there are some", async () => {
    for (const command of [
      ["export-results", file, "--format", "csv"],
      ["report", file],
    ]) {
      const { status, stderr } = await folder.run(...command, "--under", "/photo");
      assert.equal(status, 2);
      assert.match(stderr, /at or below \/photo in the results, got none.*\/photos\/a\/1\.jpg/);
    }
  });

  test("has copies once where that is asked for, and names them otherwise", async () => {
    assert.deepEqual(await sourcesIn("--count-duplicates-once"), [
      "/photos/a/1.jpg",
      "/photos/b/2.png",
    ]);
    const args = [file, "--format", "csv", "--rows", "photos"];
    const rows = (await exportTo("copies.csv", ...args)).split("\r\n").slice(1, 4);
    assert.deepEqual(
      rows.map((row) => /,(\/photos\/[^,]*)/.exec(row)?.[1]),
      [undefined, "/photos/a/1.jpg", undefined],
    );
  });

  test("is named relative to a folder", async () => {
    const relative = ["--relative-to", "/photos"];
    assert.deepEqual(await sourcesIn(...relative), ["a/1.jpg", "b/1.jpg", "b/2.png"]);
    const coco = await exportJson("relative.json", file, "--format", "coco", ...relative);
    assert.deepEqual(
      coco.images.map(({ file_name, duplicate_of }: Record<string, string>) => [
        file_name,
        duplicate_of,
      ]),
      [
        ["a/1.jpg", undefined],
        ["b/1.jpg", "a/1.jpg"],
        ["b/2.png", undefined],
      ],
    );
    const under = ["--under", "/photos/b", "--relative-to", "/photos"];
    const { status, stderr } = await folder.run(
      ...["export-results", file, "--format", "yolo", "--out", "relative", ...under],
    );
    assert.equal(status, 0, stderr);
    const labels = await readdir(join(folder.path, "relative", "labels"), { recursive: true });
    assert.deepEqual(labels.sort(), ["b", "b/1.txt", "b/2.txt"]);
  });

  test("is refused relative to a folder that does not hold all photos", async () => {
    const { status, stderr } = await folder.run(
      ...["export-results", file, "--format", "csv", "--relative-to", "/photos/b"],
    );
    assert.equal(status, 2);
    assert.match(stderr, /below \/photos\/b, .*\/photos\/a\/1\.jpg is not\..*--under/);
    await assertNothingPartial();
  });
});

describe("coco", () => {
  test("numbers images, classes and annotations, with boxes, scores and masks", async () => {
    const coco = await exportJson("coco.json", "results.db", "--format", "coco");
    assert.deepEqual(coco.images, [
      { id: 1, file_name: "/photos/a/1.jpg", width: 100, height: 80 },
      { id: 2, file_name: "/photos/b/1.jpg", width: 100, height: 80 },
      { id: 3, file_name: "/photos/b/2.png", width: 100, height: 80 },
    ]);
    assert.deepEqual(coco.categories, [
      ...names.map((name, i) => ({ id: 1 + i, name, supercategory: "object" })),
      { id: 4, name: "bed", supercategory: "region" },
    ]);
    const [first] = coco.annotations;
    assert.deepEqual(first, {
      id: 1,
      image_id: 1,
      category_id: 1,
      bbox: [12.34, 20, 10, 20.5],
      area: 205,
      segmentation: [],
      iscrowd: 0,
      score: 0.93,
      attributes: { region: 1, region_name: "bed" },
    });
    const ids = coco.annotations.map(({ id }: { id: number }) => id);
    assert.deepEqual(ids, [1, 2, 3, 4, 5, 6]);
    const regionAnnotation = coco.annotations[3];
    assert.equal(regionAnnotation.category_id, 4);
    assert.equal(regionAnnotation.area, region.areaPx);
    assert.deepEqual(regionAnnotation.segmentation.size, [80, 100]);
    assert.deepEqual(fromCocoCounts(regionAnnotation.segmentation.counts), region.mask.counts);
  });
});

describe("geojson", () => {
  test("has closed rings in the order that RFC 7946 wants, and loses no pixel", async () => {
    const { type, features } = await exportJson("r.geojson", "results.db", "--format", "geojson");
    assert.equal(type, "FeatureCollection");
    const kinds = features.map(
      ({ properties }: { properties: { kind: string } }) => properties.kind,
    );
    assert.deepEqual(kinds, [
      ...["photo", "region", "region", "object", "object", "object"],
      ...["photo", "photo", "object"],
    ]);
    const { geometry, properties } = features[1];
    assert.equal(geometry.type, "MultiPolygon");
    assert.equal(properties.areaPx, region.areaPx);
    const rings: [number, number][][] = geometry.coordinates.flat();
    assert.equal(rings.length, 3);
    let area = 0;
    for (const ring of rings) {
      assert.deepEqual(ring[0], ring.at(-1));
      for (const [i, [x, y]] of ring.slice(1).entries())
        area += (ring[i]![0] * y - x * ring[i]![1]) / 2;
    }
    assert.equal(area, region.areaPx);
    const box = features[3].geometry.coordinates[0];
    assert.deepEqual(box, [
      [12.34, 20],
      [22.34, 20],
      [22.34, 40.5],
      [12.34, 40.5],
      [12.34, 20],
    ]);
  });
});

describe("yolo", () => {
  test("has a file for each photo, in folders", async () => {
    const args = ["export-results", "results.db", "--format", "yolo", "--out", "labels/yolo"];
    const { status, stderr } = await folder.run(...args);
    assert.equal(status, 0, stderr);
    const root = join(folder.path, "labels/yolo");
    const files = (await readdir(root, { recursive: true })).filter((file) => /\.\w+$/.test(file));
    assert.deepEqual(files.map((file) => file.replaceAll("\\", "/")).sort(), [
      "data.yaml",
      "labels/a/1.txt",
      "labels/b/1.txt",
      "labels/b/2.txt",
    ]);
    const read = (file: string) => readFile(join(root, "labels", file), "utf8");
    assert.deepEqual((await read("a/1.txt")).split("\n"), [
      "0 0.173400 0.378125 0.100000 0.256250",
      // Cut at the photo's edge.
      "1 0.100000 0.062500 0.200000 0.125000",
      "0 0.320000 0.412500 0.040000 0.075000",
      "",
    ]);
    assert.equal(await read("b/1.txt"), "");
    assert.equal(await read("b/2.txt"), "2 0.500000 0.500000 1.000000 1.000000\n");
    assert.match(
      await readFile(join(root, "data.yaml"), "utf8"),
      /names:\n {2}0: "plant"\n {2}1: "weed, \\"tall\\""\n {2}2: "stone"\n$/,
    );

    const again = await folder.run(...args);
    assert.equal(again.status, 2);
    assert.match(again.stderr, /Expected a new or empty folder, .*\[INVALID_ARGUMENT\]/);
  });

  test("puts the score last where it is asked for, and stays in its folder whatever photos are called", async () => {
    const file = join(folder.path, "odd.db");
    const objects = [{ score: 0.123456, boxXyxy: [0, 0, 50, 40] as const }];
    await recordPhotos(file, [
      { source: "/x/../../../up.jpg", result: exampleResult({ objects }) },
      { source: "s3://bucket/k.1.jpg", result: exampleResult({ objects }) },
    ]);
    const { status, stderr } = await folder.run(
      ...["export-results", "odd.db", "--format", "yolo", "--scores", "--out", "odd"],
    );
    assert.equal(status, 0, stderr);
    const files = await readdir(join(folder.path, "odd"), { recursive: true });
    assert.deepEqual(files.filter((name) => name.endsWith(".txt")).sort(), [
      join("labels", process.platform === "win32" ? "s3_" : "s3:", "bucket", "k.1.txt"),
      join("labels", "x", "_", "_", "_", "up.txt"),
    ]);
    const label = await readFile(join(folder.path, "odd", "labels/x/_/_/_/up.txt"), "utf8");
    assert.equal(label, "0 0.250000 0.250000 0.500000 0.500000 0.12346\n");
  });
});

test("scales come from a table, a number or a height, and photos without one are reported", async () => {
  const photos = (...args: string[]) =>
    folder.run("export-results", "results.db", "--format", "csv", "--quiet", ...args);
  const scalesOf = (csv: string) => {
    const [head = [], ...rows] = readCsvRows(csv, () => new Error(csv));
    const [state, scale] = ["state", "pixels_per_metre"].map((title) => head.indexOf(title));
    return rows.flatMap((row) => (row[state!] === "done" ? [row[scale!]] : []));
  };
  const table = ["--rows", "photos", "--out", "-"];
  const all = await photos(...table, "--pixels-per-metre", "400");
  assert.deepEqual([scalesOf(all.stdout), all.stderr], [["400", "400", "400"], ""]);
  await writeFile(join(folder.path, "scales.csv"), "photo,pixels_per_metre\nb,250\n");
  const byTable = ["--scale-table", "scales.csv"];
  const below = await photos(...table, ...byTable, "--relative-to", "/photos");
  assert.deepEqual(scalesOf(below.stdout), ["", "250", "250"]);
  assert.match(
    below.stderr,
    /^No scale for 1 photo: scales\.csv has no row for .* below \/photos$/m,
  );
  const misplaced = await photos("--out", "misplaced.csv", ...byTable);
  assert.match(misplaced.stderr, /^No scale for 3 photos: .* are below the current folder$/m);
  const recorded = await photos(...table, "--height-above-ground", "recorded");
  assert.match(recorded.stderr, /^No scale for 3 photos: their height, focal length or sensor/m);
  const alone = await photos(...table, "--sensor-width", "13.2");
  assert.match(alone.stderr, /--sensor-width with --height-above-ground, got it alone/);
  const report = await folder.run("report", "results.db", ...byTable, "--quiet");
  assert.match(report.stderr, /^No scale for 3 photos: scales\.csv/m);
});

test("Label Studio gets the hardest photos, named with a prefix", async () => {
  const { stdout, stderr } = await folder.run(
    ...["export-results", "results.db", "--format", "label-studio", "--out", "-"],
    ...["--hardest", "1", "--image-prefix", "/data/?d=", "--relative-to", "/photos"],
  );
  const tasks: { data: { image: string } }[] = JSON.parse(stdout);
  assert.deepEqual(
    tasks.map(({ data }) => data.image),
    ["/data/?d=a/1.jpg"],
    stderr,
  );
});

test("--excel marks a CSV as UTF-8, and changes nothing else", async () => {
  const [plain, marked] = await Promise.all(
    [[], ["--excel"]].map((more) =>
      folder.run("export-results", "results.db", "--format", "csv", "--out", "-", ...more),
    ),
  );
  assert.equal(marked!.stdout, `\ufeff${plain!.stdout}`);
});

describe("yolo refuses", () => {
  const long = "n".repeat(251);
  const cases: [why: string, sources: string[], message: RegExp][] = [
    [
      "photos that differ in the extension only",
      ["/p/a.jpg", "/p/a.png"],
      /labels for \/p\/a\.png,/,
    ],
    ["also those of long names", [`/p/${long}.jpg`, `/p/${long}.png`], /labels at the same place/],
    ["a photo whose name has no room for an extension", [`/p/${long}long`], /name is too long/],
  ];
  for (const [why, sources, message] of cases) {
    test(why, async () => {
      await rm(join(folder.path, "refused.db"), { force: true });
      const photos = sources.map((source) => ({ source, result: exampleResult({}) }));
      await recordPhotos(join(folder.path, "refused.db"), photos);
      const args = ["export-results", "refused.db", "--format", "yolo"];
      const { status, stderr } = await folder.run(...args);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.match(stderr, /Rename the photo.*\[INVALID_ARGUMENT\]/);
      assert.equal((await readdir(folder.path)).includes("refused-yolo"), false);
      await assertNothingPartial();
    });
  }
});

describe("parquet", () => {
  async function read(...args: string[]) {
    const out = join(folder.path, "rows.parquet");
    await exportTo("rows.parquet", "results.db", "--format", "parquet", ...args);
    const file = await asyncBufferFromFile(out);
    const { schema } = await parquetMetadataAsync(file);
    return { rows: await parquetReadObjects({ file }), schema };
  }

  test("has typed columns and a row for every object", async () => {
    const { rows, schema } = await read();
    const types = schema.slice(1).map(({ name, type }) => `${name} ${type}`);
    assert.deepEqual(types.slice(0, 4), [
      "photo BYTE_ARRAY",
      "object INT32",
      "class BYTE_ARRAY",
      "score DOUBLE",
    ]);
    assert.equal(rows.length, 4);
    assert.deepEqual(rows[0], {
      photo: "/photos/a/1.jpg",
      object: 1,
      class: "plant",
      score: 0.93,
      left_px: 12.34,
      top_px: 20,
      right_px: 22.34,
      bottom_px: 40.5,
      region: 1,
      area_px: null,
      photo_share: null,
      area_m2: null,
      region_class: "bed",
      counts: "predicted",
    });
    assert.equal(rows[3]!.region, null);
  });

  test("has times as times, and what is missing is missing", async () => {
    const { rows } = await read("--rows", "photos");
    assert.equal(rows.length, 4);
    assert.ok(rows[0]!.counted_at instanceof Date);
    assert.equal(rows[3]!.counted_at, null);
    assert.equal(rows[3]!.reason_code, "PHOTO_UNREADABLE");
  });
});

describe("without any result", () => {
  test("every format is a valid file", async () => {
    assert.equal(
      (await exportTo("0.csv", "failures.db", "--format", "csv")).split("\r\n").length,
      2,
    );
    const coco = await exportJson("0.json", "failures.db", "--format", "coco");
    assert.deepEqual([coco.images, coco.annotations, coco.categories], [[], [], []]);
    assert.deepEqual(
      (await exportJson("0.geojson", "failures.db", "--format", "geojson")).features,
      [],
    );
    await exportTo("0.parquet", "failures.db", "--format", "parquet");
    const file = await asyncBufferFromFile(join(folder.path, "0.parquet"));
    assert.deepEqual(await parquetReadObjects({ file }), []);
    const yolo = await folder.run("export-results", "failures.db", "--format", "yolo");
    assert.equal(yolo.status, 0, yolo.stderr);
    assert.deepEqual((await readdir(join(folder.path, "failures-yolo"))).sort(), [
      "data.yaml",
      "labels",
    ]);
  });
});

describe("several recipes", () => {
  test("the newest is taken and the choice is reported; another can be named", async () => {
    const file = join(folder.path, "two.db");
    const older = createRecipe({ job: "count", confidence: 0.1 });
    const newer = createRecipe({ job: "count", confidence: 0.2 });
    const result = (count: number) =>
      exampleResult({
        objects: Array.from({ length: count }, () => ({ boxXyxy: [0, 0, 1, 1] as const })),
      });
    await recordPhotos(file, [{ source: "/1.jpg", result: result(3) }], older);
    await recordPhotos(file, [{ source: "/1.jpg", result: result(5) }], newer);
    const args = ["export-results", "two.db", "--format", "csv", "--out", "-"];
    const chosen = await folder.run(...args);
    assert.match(chosen.stdout, /plant,5,/);
    assert.match(
      chosen.stderr,
      new RegExp(
        `2 recipes; these are of the newest .*\\n {4}${older.hash.slice(0, 8)} .*\\n {2}\\* ${newer.hash.slice(0, 8)} `,
      ),
    );
    const named = await folder.run(...args, "--recipe", older.hash.slice(0, 8));
    assert.match(named.stdout, /plant,3,/);
    assert.equal(named.stderr.includes("recipes"), false);
    const unknown = await folder.run(...args, "--recipe", "zz");
    assert.equal(unknown.status, 2);
    assert.match(unknown.stderr, /the name "zz" or whose hash begins so, but there is none/);
  });
});

describe("what cannot be", () => {
  const cases: [string[], number, RegExp][] = [
    [["results.db"], 2, /option '--format <format>' is needed/],
    [
      ["results.db", "--format", "xml"],
      2,
      /Allowed choices are csv, xlsx, parquet, coco, yolo, cvat/,
    ],
    [
      ["results.db", "--format", "coco", "--rows", "photos"],
      2,
      /--rows with --format csv, xlsx or parquet only/,
    ],
    [["results.db", "--format", "csv", "--scores"], 2, /--scores with --format yolo only/],
    [["results.db", "--format", "cvat", "--polygons"], 2, /--polygons with --format coco or yolo/],
    [["results.db", "--format", "crops", "--split", "0.5"], 2, /--split with --format yolo only/],
    [["results.db", "--format", "yolo", "--photos", "move"], 2, /Allowed choices are link, copy/],
    [["results.db", "--format", "yolo", "--polygons"], 2, /objects with masks.*boxes only/],
    [["results.db", "--format", "crops", "--margin", "11"], 2, /a share from 0 to 10/],
    [
      ["results.db", "--format", "camtrap-dp", "--taxon", "plant=A", "--taxon", "plant=B"],
      2,
      /Expected one value for `plant`, got two/,
    ],
    [["results.db", "--format", "coco", "--excel"], 2, /--excel with --format csv only/],
    [
      ["results.db", "--format", "parquet", "--out", "-"],
      2,
      /--out - with --format csv, coco, cvat, label-studio.* only/,
    ],
    [
      ["results.db", "--format", "csv", "--out", "results.db"],
      2,
      /another file to write than the results file/,
    ],
    [["results.db", "--format", "csv", "--out", "."], 2, /is a folder\. Name another file/],
    [["results.db", "--format", "csv", "--out", "/dev/null"], 2, /a device, pipe or socket/],
    [
      ["missing.db", "--format", "csv"],
      1,
      /there is nothing at .*missing\.db.*\[LEDGER_NOT_FOUND\]/,
    ],
  ];
  for (const [args, status, message] of cases) {
    test(`${args.join(" ")} is refused`, async () => {
      const outcome = await folder.run("export-results", ...args);
      assert.equal(outcome.status, status, outcome.stderr);
      assert.match(outcome.stderr, message);
    });
  }

  test("a folder for temporary files that is not there is named", async () => {
    const nowhere = join(folder.path, "nowhere");
    const args = ["export-results", "results.db", "--format", "coco", "--out", "no.json"];
    const { outcome } = folder.spawn(process.execPath, [mainFile, ...args], { TMPDIR: nowhere });
    const { status, stderr } = await outcome;
    assert.equal(status, 1, stderr);
    assert.match(stderr, /Expected to write .*nowhere, got ENOENT\. .*TMPDIR.*\[NOT_WRITABLE\]/);
    await assertNothingPartial();
  });

  test("what is damaged leaves the file that was there as it was, and nothing half written", async () => {
    await recordPhotos(join(folder.path, "damaged.db"), [counted]);
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(join(folder.path, "damaged.db"));
    database.exec("update result_objects set objects = '[[0,'");
    database.close();
    await writeFile(join(folder.path, "before.csv"), "what was there");
    const { status, stderr } = await folder.run(
      ...["export-results", "damaged.db", "--format", "csv", "--out", "before.csv"],
    );
    assert.equal(status, 1);
    assert.match(stderr, /\[LEDGER_UNREADABLE\]/);
    assert.equal(await readFile(join(folder.path, "before.csv"), "utf8"), "what was there");
    await assertNothingPartial();
  });
});

test("nothing partial is left, and the results file is as it was", async () => {
  await assertNothingPartial();
  assert.deepEqual(folder.query("select count(*) as photos from entry"), [{ photos: 4 }]);
});
