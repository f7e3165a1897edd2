/** Labels that other tools import, with the photos that they are of. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Ledger } from "../../../ledger/ledger.ts";
import { openLedger } from "../../../ledger/open-ledger.ts";
import { OwnRegions } from "../../../pipeline/regions/own-regions.ts";
import { readCocoRegions } from "../../../pipeline/regions/read-coco-regions.ts";
import { decodePicture } from "../../../vision/photo/decode-picture.ts";
import { encodePicture } from "../../../vision/photo/picture-file.ts";
import { readTruth } from "../../compare/truth/read-truth.ts";
import {
  exampleRecipe,
  exampleRegion,
  exampleResult,
  type RecordedPhoto,
  recordPhotos,
} from "../../recorded-photos.fixture.ts";
import type { ExportFormat } from "../export-formats.ts";
import { type ExportResultsOptions, exportResults } from "../export-results.ts";

const names = ["plant", 'a "weed" & <more>'];
const plot = exampleRegion(1, [100, 80], (x, y) => x < 60 && y < 70);
const ring = exampleRegion(2, [100, 80], (x, y) => x >= 70 && x < 90 && !(x === 80 && y === 40));
const regions = [
  { ...plot, name: "A1", score: 1 },
  { ...ring, name: "A2", score: 1 },
];
const objects = [
  { classId: 0, score: 0.93, boxXyxy: [10, 20, 20, 40], region: 1 },
  { classId: 1, score: 0.3, boxXyxy: [30, 30, 35, 36], region: 1 },
] as const;

let folder: string;
let ledger: Ledger;
const stack = new AsyncDisposableStack();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-labels-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const photos: RecordedPhoto[] = [];
  for (const [i, name] of ["north/1.jpg", "south/1.jpg", "south/2.jpg"].entries()) {
    const source = join(folder, "photos", name);
    const data = new Uint8Array(3 * 100 * 80).fill(20 * (1 + i));
    const bytes = await encodePicture({ data, widthPx: 100, heightPx: 80 });
    await mkdir(join(source, ".."), { recursive: true });
    await writeFile(source, bytes);
    const result =
      i < 2
        ? exampleResult({ names, objects: objects.slice(i), regions })
        : exampleResult({ names, objects: [{ boxXyxy: [0, 0, 9, 9], score: 0.9 }] });
    photos.push({ source, contentSha256: hash("sha256", bytes), result });
  }
  const file = join(folder, "results.db");
  await recordPhotos(file, photos);
  ledger = stack.use(await openLedger(file, { readOnly: true }));
});
after(() => stack.disposeAsync());

async function exportTo(
  name: string,
  format: ExportFormat,
  options: Partial<ExportResultsOptions> = {},
): Promise<string> {
  const path = join(folder, name);
  const relativeTo = join(folder, "photos");
  const recipeHash = exampleRecipe.hash;
  await exportResults(ledger, path, { ...options, format, relativeTo, recipeHash });
  return path;
}

const readText = async (path: Promise<string>) => await readFile(await path, "utf8");
const list = async (path: string) =>
  (await readdir(path, { recursive: true })).filter((name) => /\.\w+$/.test(name)).sort();

describe("cvat", () => {
  test("has boxes and outlines, which are read as regions again", async () => {
    const xml = await readText(exportTo("r.xml", "cvat"));
    assert.match(xml, /<label>\s*<name>a &quot;weed&quot; &amp; &lt;more&gt;<\/name>/);
    assert.match(xml, /<image id="0" name="north\/1\.jpg" width="100" height="80">/);
    assert.match(
      xml,
      /<box label="plant" source="auto" occluded="0" xtl="10" ytl="20" xbr="20" ybr="40" z_order="0">\s*<attribute name="score">0\.93<\/attribute>\s*<attribute name="region">1</,
    );
    const read = OwnRegions.parse(xml).of({ source: "/p/north/1.jpg", sizeWh: [100, 80] });
    assert.deepEqual(
      read.map(({ name, areaPx }) => [name, areaPx]),
      [
        ["plant", 200],
        ['a "weed" & <more>', 30],
        ["A1", plot.areaPx],
        // CVAT's polygons have no holes.
        ["A2", ring.areaPx + 1],
      ],
    );
  });
});

describe("label studio", () => {
  test("has predictions in percent, with the address of each photo", async () => {
    const json = await readText(
      exportTo("tasks.json", "label-studio", { imagePrefix: "/data/local-files/?d=" }),
    );
    const [first, , third] = JSON.parse(json);
    assert.equal(first.data.image, "/data/local-files/?d=north/1.jpg");
    const [prediction] = first.predictions;
    assert.equal(prediction.score, 0.3, "the most doubtful object");
    assert.deepEqual(prediction.result[0], {
      id: "o1",
      to_name: "image",
      original_width: 100,
      original_height: 80,
      image_rotation: 0,
      score: 0.93,
      type: "rectanglelabels",
      from_name: "label",
      value: { x: 10, y: 25, width: 10, height: 25, rotation: 0, rectanglelabels: ["plant"] },
      meta: { text: ["in 1 A1"] },
    });
    assert.equal(prediction.result[2].type, "polygonlabels");
    assert.equal(third.predictions[0].result.length, 1);
    assert.equal(new Set(prediction.result.map(({ id }: { id: string }) => id)).size, 4);
  });

  test("is read as regions once it was accepted", async () => {
    const tasks = JSON.parse(await readText(exportTo("accepted.json", "label-studio")));
    for (const task of tasks) task.annotations = task.predictions;
    const regions = OwnRegions.parse(JSON.stringify(tasks));
    const read = regions.of({ source: "north/1.jpg", sizeWh: [100, 80] });
    assert.deepEqual(
      read.slice(2).map(({ areaPx }) => areaPx),
      [plot.areaPx, ring.areaPx + 1],
    );
  });
});

describe("coco", () => {
  test("has polygons where masks have no holes, of the same pixels", async () => {
    const coco = JSON.parse(await readText(exportTo("p.json", "coco", { polygons: true })));
    const regions = coco.annotations.filter(
      ({ bbox }: { bbox: number[] }) => bbox[2]! * bbox[3]! > 400,
    );
    assert.deepEqual(regions[0].segmentation, [[0, 0, 60, 0, 60, 70, 0, 70]]);
    assert.equal(typeof regions[1].segmentation.counts, "string", "of a mask with a hole");
    assert.deepEqual(regions[0].attributes, { region: 1 });
    const { byPhoto } = readCocoRegions(coco);
    assert.equal(byPhoto.get("north/1.jpg")!.regions.length, 2, "objects are no regions");
  });
});

describe("yolo with photos", () => {
  test("has links to them beside their labels, in parts", async () => {
    const path = await exportTo("set", "yolo", { photos: "link", split: 0.7 });
    const files = await list(path);
    assert.equal(files.length, 7);
    const images = files.filter((file) => file.startsWith("images"));
    for (const image of images) {
      const label = image.replace("images", "labels").replace(".jpg", ".txt");
      assert.ok(files.includes(label), label);
      const [, , ...below] = image.split(/[/\\]/);
      assert.equal(await readlink(join(path, image)), join(folder, "photos", ...below));
    }
    assert.equal(images.filter((image) => /^images.train/.test(image)).length, 2);
    const yaml = await readFile(join(path, "data.yaml"), "utf8");
    assert.match(yaml, /^train: images\/train\nval: images\/val$/m);
    const truth = await readTruth(path, []);
    const found = truth.find({ source: "/x/north/1.jpg", contentSha256: "" });
    assert.deepEqual(
      [...found!.countByName],
      [
        ["plant", 1],
        [names[1], 1],
      ],
    );
  });

  test("has copies of them, in one folder", async () => {
    const path = await exportTo("copies", "yolo", { photos: "copy" });
    assert.deepEqual(
      (await list(path)).filter((file) => file.startsWith("images")),
      ["north/1.jpg", "south/1.jpg", "south/2.jpg"].map((file) => join("images", file)),
    );
    assert.match(await readFile(join(path, "data.yaml"), "utf8"), /^train: images$/m);
  });

  test("is refused where a photo has changed, and for one photo in two parts", async () => {
    const under = join(folder, "photos", "south", "2.jpg");
    await assert.rejects(exportTo("one", "yolo", { split: 0.5, under }), /two different photos/);
    const bytes = await readFile(under);
    await writeFile(under, "another");
    await assert.rejects(exportTo("changed", "yolo", { photos: "copy" }), /has changed since/);
    await writeFile(under, bytes);
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.endsWith(".part")),
      [],
    );
  });
});

describe("crops", () => {
  test("are a picture of each object, in folders of their classes, with a list", async () => {
    const path = await exportTo("crops", "crops", { margin: 0.5 });
    const list = (await readFile(join(path, "crops.csv"), "utf8")).split("\r\n");
    assert.deepEqual(list.slice(0, 2), [
      "file,photo,object,class,score",
      "plant/1-1-1.jpg,north/1.jpg,1,plant,0.93",
    ]);
    assert.equal(list.length, 6);
    const { widthPx, heightPx } = await decodePicture(join(path, "plant/1-1-1.jpg"));
    assert.deepEqual([widthPx, heightPx], [20, 40]);
    const [weed] = (await readdir(path)).filter((name) => name.includes("weed"));
    assert.equal((await readdir(join(path, weed!))).length, 2);
  });
});

describe("the hardest photos", () => {
  test("have the most objects that score near the threshold", async () => {
    const tasks = async (hardest: number) =>
      JSON.parse(await readText(exportTo("hard.json", "label-studio", { hardest }))).map(
        ({ data }: { data: { image: string } }) => data.image,
      );
    assert.deepEqual(await tasks(1), ["north/1.jpg"]);
    assert.deepEqual(await tasks(9), ["north/1.jpg", "south/1.jpg"], "others are clear");
    const question = { classConfidence: { plant: 0.88 } };
    const hard = exportTo("hard.json", "label-studio", { hardest: 9, question });
    assert.equal(JSON.parse(await readText(hard)).length, 3);
  });
});
