import assert from "node:assert/strict";
import { mkdir, mkdtempDisposable, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { openLedger } from "../../ledger/open-ledger.ts";
import {
  exampleRecipe,
  exampleRegion,
  exampleResult,
  recordPhotos,
} from "../recorded-photos.fixture.ts";
import { compareResults } from "./compare-results.ts";
import { readTruth } from "./truth/read-truth.ts";
import type { Truth } from "./truth/truth.ts";
import { readTruthResults } from "./truth/truth-results.ts";

const names = ["plant", "weed"];
/** A box of 10×10 px in a row of them, as its number and its class. */
const box = (place: number): [number, number, number, number] => [
  12 * place,
  5,
  12 * place + 10,
  15,
];
const object = (place: number, score: number, classId = 0) => ({
  boxXyxy: box(place),
  score,
  classId,
});

/** Two photos: the first has two plants and two weeds too many, the second is right. */
const photos = [
  {
    source: "/data/north/row-1.jpg",
    result: exampleResult({
      names,
      objects: [
        object(0, 0.9),
        object(1, 0.8),
        object(2, 0.7, 1),
        object(3, 0.4, 1),
        object(4, 0.3, 1),
      ],
    }),
  },
  {
    source: "/data/south/row-1.jpg",
    result: exampleResult({ names, objects: [object(0, 0.6), object(1, 0.5, 1)] }),
  },
];

async function compareWith(
  files: { readonly [name: string]: string },
  path: string,
  options: Omit<Parameters<typeof compareResults>[1], "recipe" | "truth"> = {},
) {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-compare-"));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(folder.path, name, ".."), { recursive: true });
    await writeFile(join(folder.path, name), text);
  }
  const file = join(folder.path, "results.db");
  await recordPhotos(file, photos);
  await using ledger = await openLedger(file, { readOnly: true });
  const truth = await readTruth(join(folder.path, path), names);
  return await compareResults(ledger, { ...options, recipe: exampleRecipe, truth });
}

const csv = `photo,class,count
north/row-1.jpg,plant,2
north/row-1.jpg,weed,1
south/row-1.jpg,plant,1
south/row-1.jpg,weed,1
elsewhere.jpg,plant,4
`;

/** Centre and size of a box on a photo of 100×80 px. */
function yoloLine(classId: number, place: number): string {
  const [x1, y1, x2, y2] = box(place);
  const shares = [(x1 + x2) / 200, (y1 + y2) / 160, (x2 - x1) / 100, (y2 - y1) / 80];
  return `${classId} ${shares.join(" ")}\n`;
}

const labels = {
  "set/data.yaml": "names:\n  0: plant\n  1: 'weed'\n",
  "set/labels/train/north/row-1.txt": yoloLine(0, 0) + yoloLine(0, 1) + yoloLine(1, 2),
  "set/labels/val/south/row-1.txt": yoloLine(0, 0) + yoloLine(1, 6),
};

const coco = JSON.stringify({
  images: [
    { id: 1, file_name: "north/row-1.jpg", width: 100, height: 80 },
    { id: 2, file_name: "south/row-1.jpg", width: 100, height: 80 },
  ],
  categories: [
    { id: 5, name: "plant" },
    { id: 6, name: "weed" },
  ],
  annotations: [
    [1, 5, 0],
    [1, 5, 1],
    [1, 6, 2],
    [2, 5, 0],
    [2, 6, 6],
  ].map(([image_id, category_id, place]) => {
    const [x, y] = box(place!);
    return { image_id, category_id, bbox: [x, y, 10, 10] };
  }),
});

describe("compareResults", () => {
  test("finds errors by photo and class, and the threshold of the right total", async () => {
    const { classes, all, photos, withoutResult, withoutTruth, hasBoxes } = await compareWith(
      { "counts.csv": csv },
      "counts.csv",
    );
    assert.deepEqual([hasBoxes, withoutResult, withoutTruth], [false, 1, 0]);
    assert.deepEqual(
      photos.map(({ source, truth, counted }) => [source, truth, counted]),
      [
        ["/data/north/row-1.jpg", 3, 5],
        ["/data/south/row-1.jpg", 2, 2],
      ],
    );
    const [plant, weed] = classes;
    assert.deepEqual([plant!.name, plant!.error, plant!.rSquared], ["plant", 0, 1]);
    assert.deepEqual([weed!.truth, weed!.counted, weed!.bias], [2, 4, 1]);
    assert.deepEqual([weed!.byTotal!.threshold, weed!.byTotal!.counted], [0.45, 2]);
    assert.equal(weed!.byF1, undefined);
    assert.deepEqual([all.error, all.errorShare, all.meanAbsoluteError], [2, 0.4, 1]);
  });

  for (const [what, files, path] of [
    ["a folder of YOLO labels", labels, "set"],
    ["COCO", { "truth.json": coco }, "truth.json"],
  ] as const) {
    test(`finds precision, recall and the best F1 with ${what}`, async () => {
      const { classes, all, different } = await compareWith(files, path);
      const [plant, weed] = classes;
      assert.deepEqual([plant!.precision, plant!.recall, plant!.f1], [1, 1, 1]);
      assert.deepEqual([weed!.precision, weed!.recall], [1 / 4, 1 / 2]);
      assert.deepEqual([weed!.byF1!.threshold, weed!.byF1!.f1], [0.6, 2 / 3]);
      assert.deepEqual([all.precision, all.recall], [4 / 7, 4 / 5]);
      const [north, south] = different;
      assert.equal(north!.photo.source, "/data/north/row-1.jpg");
      assert.equal(north!.counted.filter(({ isMatched }) => !isMatched).length, 2);
      assert.deepEqual(south!.missed, [{ name: "weed", boxXyxy: [72, 5, 82, 15] }]);
    });
  }

  test("answers for other thresholds and classes", async () => {
    const question = { classConfidence: { weed: 0.45 } };
    const { classes } = await compareWith({ "counts.csv": csv }, "counts.csv", { question });
    assert.deepEqual([classes[1]!.threshold, classes[1]!.error], [0.45, 0]);
    const plants = { question: { classes: ["plant"] } };
    const only = await compareWith({ "counts.csv": csv }, "counts.csv", plants);
    assert.deepEqual(
      only.classes.map(({ name }) => name),
      ["plant"],
    );
    assert.equal(only.all.truth, 3);
  });

  test("compares counts of all classes, and names with no extension or folder", async () => {
    const text = 'photo;count\r\n"row-1";5\r\n';
    const under = "/data/north";
    const { classes, photos } = await compareWith({ "c.csv": text }, "c.csv", { under });
    assert.deepEqual(
      classes.map(({ name, error }) => [name, error]),
      [["all classes", 0]],
    );
    assert.equal(photos.length, 1);
    await assert.rejects(compareWith({ "c.csv": text }, "c.csv"), {
      code: "TRUTH_INVALID",
      message: /row-1 is \/data\/north\/row-1.jpg and \/data\/south\/row-1.jpg/,
    });
  });

  for (const text of ["sep=;\r\nphoto;count\r\nrow-1;5\r\n", "photo\tcount\nrow-1\t5\n"]) {
    test(`takes a table as spreadsheets write it: ${JSON.stringify(text)}`, async () => {
      const files = { "c.csv": `\uFEFF${text}` };
      const { all } = await compareWith(files, "c.csv", { under: "/data/north" });
      assert.equal(all.truth, 5);
    });
  }

  test("has classes that the model lacks, also where a photo has none of them", async () => {
    const text = `${csv}south/row-1.jpg,stone,7\n`;
    const { classes } = await compareWith({ "c.csv": text }, "c.csv");
    const stone = classes.find(({ name }) => name === "stone")!;
    assert.deepEqual(
      [stone.truth, stone.counted, stone.threshold, stone.bias],
      [7, 0, undefined, -3.5],
    );
  });

  test("leaves out true objects that lie in no region", async () => {
    const region = exampleRegion(1, [100, 80], (x) => x < 24);
    const result = exampleResult({
      names,
      objects: [{ ...object(0, 0.9), region: 1 }],
      regions: [region],
    });
    await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-compare-"));
    const file = join(folder.path, "results.db");
    await recordPhotos(file, [{ source: "/data/north/row-1.jpg", result }]);
    await writeFile(join(folder.path, "truth.json"), coco);
    await using ledger = await openLedger(file, { readOnly: true });
    const truth = await readTruth(join(folder.path, "truth.json"), names);
    const { all } = await compareResults(ledger, { recipe: exampleRecipe, truth });
    assert.deepEqual([all.truth, all.counted], [2, 1]);
  });

  test("takes other results for the truth, by contents where the photos have moved", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-compare-"));
    const [file, other] = [join(folder.path, "a.db"), join(folder.path, "b.db")];
    await recordPhotos(
      file,
      photos.map((photo) => ({ ...photo, contentSha256: photo.source })),
    );
    const moved = photos.map(({ source, result }, i) => ({
      source: `/elsewhere/${i}.jpg`,
      contentSha256: source,
      result: i === 0 ? exampleResult({ names, objects: [object(0, 0.9)] }) : result,
    }));
    await recordPhotos(other, moved);
    await using ledger = await openLedger(file, { readOnly: true });
    await using others = await openLedger(other, { readOnly: true });
    const truth: Truth = await readTruthResults(others, {});
    const { all } = await compareResults(ledger, { recipe: exampleRecipe, truth });
    assert.deepEqual([all.truth, all.counted, all.precision], [3, 7, 3 / 7]);
  });

  for (const [what, files, path, message] of [
    [
      "a CSV of other columns",
      { "c.csv": "a,b\n1,2\n" },
      "c.csv",
      /columns photo and count, got a, b/,
    ],
    ["a count that is none", { "c.csv": "photo,count\na,1.5\n" }, "c.csv", /row 2, got "a,1.5"/],
    ["a CSV that is torn", { "c.csv": 'photo,count\n"a,1\n' }, "c.csv", /not at character 13/],
    [
      "counts of regions without those of their photo",
      { "c.csv": "photo,region,count\nrow-1,A1,2\n" },
      "c.csv",
      /whole photo row-1, region 0/,
    ],
    ["no labels", { "set/data.yaml": "" }, "set", /text files of labels/],
    ["lines that are no labels", { "set/a.txt": "0 1 2\n" }, "set", /a class and a box/],
    ["other JSON", { "t.json": "{}" }, "t.json", /COCO with images/],
    ["other photos", { "c.csv": "photo,count\nz.jpg,1\n" }, "c.csv", /1 are in the truth and 2/],
    [
      "photos of another size",
      { "t.json": coco.replaceAll("100,", "200,") },
      "t.json",
      /200×80 px/,
    ],
    ["nothing", {}, "none.csv", /cannot be read \(ENOENT\)/],
  ] as const) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(compareWith({ ...files }, path), { code: "TRUTH_INVALID", message });
    });
  }
});
