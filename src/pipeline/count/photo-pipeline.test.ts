import assert from "node:assert/strict";
import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type ErrorCode, isOrangeryError } from "../../errors.ts";
import type { PhotoResult } from "../../ledger/results/result-rows.ts";
import type { PhotoContent } from "../../ledger/worklist/worklist.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import { ModelFolder, tinyYolo } from "../../models/yolo/tiny-yolo.fixture.ts";
import type { YoloModel } from "../../models/yolo/yolo-model.ts";
import { exifBytes } from "../../vision/photo/capture/exif-bytes.fixture.ts";
import { openPhoto } from "../../vision/photo/open-photo.ts";
import type { Picture } from "../../vision/photo/picture.ts";
import { PictureOnDisk } from "../../vision/photo/picture-on-disk.ts";
import { ReducedPicture } from "../../vision/photo/reduced-picture.ts";
import { OwnRegions } from "../regions/own-regions.ts";
import { detectSliced } from "./detect-sliced.ts";
import type { ModelUse } from "./model-use.ts";
import { PhotoPipeline, type PhotoPipelineOptions } from "./photo-pipeline.ts";
import { segmentPhoto } from "./segment-photo.ts";
import type { SlicingOptions } from "./slicing.ts";

const photoOf = (name: string) =>
  fileURLToPath(new URL(`../../../examples/photos/${name}`, import.meta.url));
const tray = photoOf("tray-1.jpg");
const soil = photoOf("empty-soil.jpg");

let folder: ModelFolder;
let cache: ModelCache;
let beds: YoloModel;
let seedlings: YoloModel;
/** Finds one thing, 16 px of its 32 px input, on whatever it is given. */
let thing: YoloModel;
/** The same, in batches, with scores by brightness. */
let bright: YoloModel;
/** Finds one region, 16 px of its 32 px input. */
let middle: YoloModel;

before(async () => {
  folder = await ModelFolder.create();
  cache = new ModelCache({
    models: {
      beds: "sample:beds",
      seedlings: "sample:seedlings",
      thing: await folder.write("thing.onnx", tinyYolo()),
      bright: await folder.write("bright.onnx", tinyYolo({ freeBatch: true })),
      middle: await folder.write("middle.onnx", tinyYolo({ task: "segment" })),
    },
    device: "cpu",
  });
  beds = await cache.get("beds");
  seedlings = await cache.get("seedlings");
  thing = await cache.get("thing");
  bright = await cache.get("bright");
  middle = await cache.get("middle");
});
after(async () => {
  await cache[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const coded = (code: ErrorCode) => (error: unknown) => isOrangeryError(error, code);

function blank(widthPx: number, heightPx: number, value = 255): Picture {
  return { data: new Uint8Array(3 * widthPx * heightPx).fill(value), widthPx, heightPx };
}

/** All of a result but how long it took. */
function bytesOf({ timingsMs: _, regions, objects, ...rest }: PhotoResult): string {
  const { boxesXyxy, scores, classIds, names } = objects;
  const arrays = [boxesXyxy, scores, classIds].map((array) =>
    Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("hex"),
  );
  const masks = regions?.map(({ mask, ...region }) => ({ ...region, mask: mask.toRle() }));
  return JSON.stringify({ ...rest, names, arrays, masks, places: [...(rest.objectRegions ?? [])] });
}

describe("segmenting a photo", () => {
  test("gives its regions in reading order, with masks at photo size and their area", async () => {
    const { regions, widthPx, heightPx, device } = await segmentPhoto(beds, photoOf("tray-5.jpg"));
    assert.deepEqual([widthPx, heightPx, device], [3000, 2000, "cpu"]);
    assert.deepEqual(
      regions.map(({ number, name }) => [number, name]),
      [1, 2, 3, 4].map((number) => [number, "bed"]),
    );
    for (const { mask, areaPx, boxXyxy, score } of regions) {
      assert.deepEqual([mask.widthPx, mask.heightPx], [3000, 2000]);
      assert.equal(areaPx, mask.areaPx);
      assert.ok(mask.toPolygons().length >= 1);
      assert.ok(score > 0.25 && boxXyxy[0] < boxXyxy[2]);
    }
  });

  test("needs a model with masks", async () => {
    const message = /a model that segments, to find regions with, got one to detect .*-seg\.pt\.$/;
    const wanted = { code: "MODEL_WRONG_TASK", message };
    await assert.rejects(segmentPhoto(thing, tray), wanted);
    const wrong = () => new PhotoPipeline({ detect: { model: thing }, segment: { model: thing } });
    assert.throws(wrong, wanted);
  });
});

describe("detecting slice by slice", () => {
  test("finds in each slice what is there, and where on the photo it is", async () => {
    const { detections, sliceCount, widthPx, timingsMs } = await detectSliced(
      thing,
      blank(96, 64),
      { slice: 32, overlap: 0 },
    );
    assert.deepEqual([sliceCount, widthPx], [6, 96]);
    assert.deepEqual(
      Array.from(detections, ({ boxXyxy }) => boxXyxy).sort((a, b) => a[1] - b[1] || a[0] - b[0]),
      [0, 32].flatMap((top) => [0, 32, 64].map((left) => [left + 8, top + 8, left + 24, top + 24])),
    );
    assert.ok(timingsMs.inference > 0 && timingsMs.total >= timingsMs.inference);
  });

  test("reports how far it is, from before the first slice to the last", async () => {
    const seen: string[] = [];
    await detectSliced(thing, blank(96, 64), {
      slice: 32,
      overlap: 0,
      batchSize: 1,
      onSlices: ({ done, total }) => seen.push(`${done}/${total}`),
    });
    assert.deepEqual(seen, ["0/6", "1/6", "2/6", "3/6", "4/6", "5/6", "6/6"]);
  });

  test("makes one of what several slices show", async () => {
    // Slices 4 px apart, whose things overlap by three quarters.
    const options = { slice: 32, overlap: 0.875 };
    const merged = await detectSliced(thing, blank(40, 32), options);
    assert.deepEqual([merged.sliceCount, merged.detections.length], [3, 1]);
    assert.deepEqual([...merged.detections.boxesXyxy], [8, 8, 32, 24]);
    const kept = await detectSliced(thing, blank(40, 32), { ...options, merge: { method: "nms" } });
    assert.deepEqual([...kept.detections.boxesXyxy], [8, 8, 24, 24]);
  });

  test("gives the same in batches as one by one, whatever their size", async () => {
    await using photo = await openPhoto(tray);
    const options = { slice: 128, confidence: 0.01, merge: { threshold: 0.9 } };
    const [first, ...others] = await Promise.all(
      [1, 2, 7, 64].map((batchSize) =>
        detectSliced(bright, photo.pixels, { ...options, batchSize }),
      ),
    );
    assert.ok(first!.detections.length > 100);
    for (const { detections, sliceCount } of others) {
      assert.equal(sliceCount, first!.sliceCount);
      assert.deepEqual(detections, first!.detections);
    }
  });

  test("has masks at photo size, or none", async () => {
    const photo = blank(64, 32);
    const { detections } = await detectSliced(middle, photo, { slice: 32, overlap: 0 });
    assert.deepEqual(
      detections.masks?.map(({ widthPx, heightPx, boxXyxy }) => [widthPx, heightPx, boxXyxy]),
      [
        [64, 32, [8, 8, 24, 24]],
        [64, 32, [40, 8, 56, 24]],
      ],
    );
    const options = { slice: 32, maskSize: "none" } as const;
    assert.equal((await detectSliced(middle, photo, options)).detections.masks, undefined);
  });

  test("predicts the whole photo too where that is asked for, beside several slices", async () => {
    const options = { slice: 32, overlap: 0, fullImage: true, merge: { threshold: 1 } };
    const two = await detectSliced(thing, blank(64, 32), options);
    assert.equal(two.sliceCount, 3);
    const boxes = Array.from(two.detections, ({ boxXyxy }) => `${boxXyxy}`);
    assert.deepEqual(boxes.sort(), ["16,0,48,32", "40,8,56,24", "8,8,24,24"]);
    assert.equal((await detectSliced(thing, blank(32, 32), options)).sliceCount, 1);
  });

  test("warns where the network returned all that it can, whole and in slices", async () => {
    const tiny = { head: "end-to-end", isFull: true } as const;
    const file = await folder.write("full.onnx", tinyYolo(tiny));
    await using own = new ModelCache({ models: { full: file }, device: "cpu" });
    const full = await own.get("full");
    const photo = { data: Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => i % 256) };
    const picture = { ...photo, widthPx: 64, heightPx: 64 };
    for (const slicing of [undefined, { slice: 32 }]) {
      const pipeline = new PhotoPipeline({ detect: { model: full }, slicing });
      assert.deepEqual((await pipeline.process(picture)).warnings, ["network-limit"]);
      const few = new PhotoPipeline({ detect: { model: thing }, slicing });
      assert.deepEqual((await few.process(picture)).warnings, []);
    }
    assert.equal((await full.predict(picture)).reachedNetworkLimit, true);
    assert.equal((await full.predict(picture, { confidence: 0.5 })).reachedNetworkLimit, false);
  });

  test("keeps the best where there are too many", async () => {
    const options = { slice: 32, overlap: 0 };
    const find = (maxDetections?: number) =>
      detectSliced(thing, blank(96, 64), { ...options, maxDetections });
    const [cut, whole] = [await find(2), await find()];
    assert.deepEqual([cut.detections.length, cut.reachedMaxDetections], [2, true]);
    assert.equal(whole.reachedMaxDetections, false);
  });

  for (const [what, width, height] of [
    ["one pixel", 1, 1],
    ["one row", 300, 1],
    ["one column", 1, 300],
  ] as const) {
    test(`finds what it finds on a photo of ${what}`, async () => {
      for (const slice of [32, "auto"] as const) {
        const { widthPx, heightPx, sliceCount } = await detectSliced(thing, blank(width, height), {
          slice,
        });
        assert.deepEqual([widthPx, heightPx], [width, height]);
        assert.ok(sliceCount >= 1);
      }
    });
  }

  test("takes a slice larger than the photo for the photo", async () => {
    const photo = blank(64, 48);
    const sliced = await detectSliced(thing, photo, { slice: 1000 });
    assert.equal(sliced.sliceCount, 1);
    assert.deepEqual(sliced.detections, (await thing.predict(photo)).detections);
  });

  const wrong: [what: string, options: object][] = [
    ["an overlap of 1", { slice: 32, overlap: 1 }],
    ["an overlap below 0", { slice: 32, overlap: -0.1 }],
    ["a slice without size", { slice: 0 }],
    ["a slice of half a pixel", { slice: [32, 0.5] }],
    ["another word than auto", { slice: "small" }],
    ["another way to merge", { slice: 32, merge: { method: "average" } }],
    ["another measure", { slice: 32, merge: { metric: "area" } }],
    ["a threshold of 0", { slice: 32, merge: { threshold: 0 } }],
    ["a batch of nothing", { slice: 32, batchSize: 0 }],
    ["what is neither true nor false", { slice: 32, fullImage: "yes" }],
    ["masks that would not fit the photo", { slice: 32, maskSize: "input" }],
    ["a size that is none", { slice: null }],
    ["a way to merge by its name alone", { slice: 32, merge: "nms" }],
    ["no objects at all", { slice: 32, maxDetections: 0 }],
    ["a share of objects", { slice: 32, maxDetections: 1.5 }],
    ["a limit that is no number", { slice: 32, maxPixels: Number.NaN }],
  ];
  for (const [what, options] of wrong) {
    test(`refuses ${what}`, async () => {
      await assert.rejects(
        detectSliced(thing, blank(400, 300), options as SlicingOptions),
        coded("INVALID_ARGUMENT"),
      );
    });
  }

  test("refuses a photo that would take too many slices", async () => {
    const options = { slice: 1, overlap: 0 };
    await assert.rejects(detectSliced(thing, blank(400, 300), options), coded("PHOTO_TOO_LARGE"));
  });

  test("ends with the signal's reason", async () => {
    const abort = new AbortController();
    const reason = new Error("enough");
    const leaving = detectSliced(thing, tray, { slice: 32, signal: abort.signal });
    setTimeout(() => abort.abort(reason), 20);
    await assert.rejects(leaving, reason);
  });
});

describe("the pipeline", () => {
  test("counts on the whole photo where there is no segmenter", async () => {
    const pipeline = new PhotoPipeline({
      detect: { model: seedlings, options: { maxDetections: 3000 } },
    });
    const result = await pipeline.process(tray);
    const { detections } = await seedlings.predict(tray, { maxDetections: 3000, maskSize: "none" });
    assert.deepEqual(result.objects, detections);
    assert.deepEqual(result.counts, [{ region: 0, name: "plant", count: detections.length }]);
    assert.deepEqual(
      [result.sliceCount, result.regions, result.objectRegions],
      [1, undefined, undefined],
    );
    for (const step of ["decode", "detect", "inference", "count", "total"]) {
      assert.ok(result.timingsMs[step]! >= 0, step);
    }
  });

  test("keeps what lies inside a region, and counts it there and in all", async () => {
    const pipeline = new PhotoPipeline({
      detect: { model: thing },
      segment: { model: middle },
      slicing: { slice: 16, overlap: 0 },
    });
    // The region is the middle of the photo, and holds 4 of 16 slices.
    const result = await pipeline.process(blank(64, 64));
    assert.equal(result.regions!.length, 1);
    assert.deepEqual(result.regions![0]!.boxXyxy, [16, 16, 48, 48]);
    assert.equal(result.sliceCount, 4, "slices that touch no region are left out");
    assert.deepEqual([...result.objectRegions!], [1, 1, 1, 1]);
    assert.deepEqual(result.counts, [
      { region: 0, name: "thing", count: 4 },
      { region: 1, name: "thing", count: 4 },
    ]);
  });

  test("counts in regions that people drew as in those of a segmenter", async () => {
    const ring = [
      [
        [16, 16],
        [48, 16],
        [48, 48],
        [16, 48],
      ],
    ];
    const plot = (photo: string | undefined) => ({
      type: "Feature",
      properties: { name: "A1", photo },
      geometry: { type: "Polygon", coordinates: ring },
    });
    const of = (feature: object) => OwnRegions.parse(JSON.stringify(feature));
    const slicing = { slice: 16, overlap: 0 };
    const all = new PhotoPipeline({
      detect: { model: thing },
      regions: of(plot(undefined)),
      slicing,
    });
    const result = await all.process(blank(64, 64));
    assert.deepEqual([result.sliceCount, result.regions![0]!.name], [4, "A1"]);
    assert.deepEqual(result.counts[1], { region: 1, name: "thing", count: 4 });

    const regions = of(plot("north/a.jpg"));
    const one = new PhotoPipeline({ detect: { model: thing }, regions, slicing });
    const named = await one.process(blank(64, 64), { source: "/photos/north/a.jpg" });
    assert.deepEqual(named.counts, result.counts);
    const files = of(plot("tray 1.jpg"));
    const onPhotos = new PhotoPipeline({ detect: { model: thing }, regions: files });
    const copy = join(folder.path, "tray 1.jpg");
    await copyFile(tray, copy);
    const byUrl = await onPhotos.process(pathToFileURL(copy));
    assert.deepEqual(byUrl.counts, (await onPhotos.process(copy)).counts);
    const source = "/photos/south/a.jpg";
    await assert.rejects(one.process(blank(64, 64), { source }), coded("REGIONS_MISSING"));
    await assert.rejects(
      one.process(blank(9, 9), { source: "north/a.jpg" }),
      coded("REGIONS_DO_NOT_FIT"),
    );
    assert.throws(
      () => new PhotoPipeline({ detect: { model: thing }, segment: { model: middle }, regions }),
      coded("INVALID_ARGUMENT"),
    );
  });

  test("drops what a slice shows beside the region, and gives the others its place", async () => {
    const pipeline = new PhotoPipeline({
      detect: { model: thing, options: { maxDetections: 2 } },
      segment: { model: middle },
      slicing: { slice: 12, overlap: 0 },
    });
    const result = await pipeline.process(blank(60, 60));
    // Things are in the middle of their slices: in 3 × 3 of them within the region of 15 to 45.
    assert.equal(result.sliceCount, 9);
    assert.equal(result.objects.length, 2);
    for (const { boxXyxy } of result.objects) {
      const [x, y] = [(boxXyxy[0] + boxXyxy[2]) / 2, (boxXyxy[1] + boxXyxy[3]) / 2];
      assert.ok(result.regions![0]!.mask.contains(x, y));
    }
  });

  test("records where each model ran, and why, when it was not where it was wanted", async () => {
    const on = (device: string, model: YoloModel, fallbackReason?: string): ModelUse => ({
      model: {
        device,
        deviceKind: model.deviceKind,
        isOnCpu: model.isOnCpu,
        fallbackReason,
        task: model.task,
        names: model.names,
        channels: model.channels,
        file: model.file,
        sha256: model.sha256,
        identity: model.identity,
        precision: model.precision,
        largestBatch: model.largestBatch,
        checkOptions: (options) => model.checkOptions(options),
        seenWh: (photoWh, options) => model.seenWh(photoWh, options),
        predict: (photo, options) => model.predict(photo, options),
        predictBatch: (pictures, options) => model.predictBatch(pictures, options),
      },
    });
    const cases: [detect: ModelUse, segment: ModelUse | undefined, reason: string | undefined][] = [
      [on("cpu", thing), undefined, undefined],
      [on("cpu", thing), on("cpu", middle), undefined],
      [on("cpu", thing, "no GPU"), on("cpu", middle, "no GPU"), "no GPU"],
      [on("cuda:0", thing), on("cpu", middle, "too large"), "regions were found on cpu: too large"],
      [
        on("cpu", thing, "too large"),
        on("cuda:0", middle),
        "too large; regions were found on cuda:0",
      ],
    ];
    for (const [detect, segment, reason] of cases) {
      const result = await new PhotoPipeline({ detect, segment }).process(blank(64, 64));
      assert.deepEqual([result.device, result.fallbackReason], [detect.model.device, reason]);
    }
  });

  test("does not ask the detector where there is no region", async () => {
    for (const slicing of [undefined, { slice: 320 }]) {
      const pipeline = new PhotoPipeline({
        detect: { model: seedlings },
        segment: { model: beds },
        slicing,
      });
      const result = await pipeline.process(soil);
      assert.deepEqual([result.regions, result.objects.length, result.counts], [[], 0, []]);
      assert.deepEqual([result.sliceCount, result.device], [0, "cpu"]);
      assert.deepEqual(result.objects.names, seedlings.names);
    }
  });

  test("takes models whose classes have nothing in common, or a name", async () => {
    for (const model of [seedlings, thing]) {
      const pipeline = new PhotoPipeline({ detect: { model }, segment: { model: middle } });
      const { regions, objects } = await pipeline.process(blank(64, 64));
      assert.deepEqual([regions![0]!.name, objects.names], ["thing", model.names]);
    }
  });

  test("gives the same bytes of result alone, beside others and from disk", async () => {
    const models = {
      detect: { model: seedlings, options: { imageSize: 256 } },
      segment: { model: beds, options: { imageSize: 640 } },
      slicing: { slice: 400 },
    };
    const pipeline = new PhotoPipeline(models);
    const onDisk = new PhotoPipeline({ ...models, pixelsInMemory: 1 });
    const alone = bytesOf(await pipeline.process(tray));
    const [first, others, second, fromDisk] = await Promise.all([
      pipeline.process(tray),
      pipeline.process(photoOf("tray-2.jpg")),
      pipeline.process(await readFile(tray)),
      onDisk.process(tray),
    ]);
    for (const result of [first, second, fromDisk]) assert.equal(bytesOf(result!), alone);
    assert.notEqual(bytesOf(others!), alone);
    await using opened = await onDisk.open(tray);
    assert.ok(opened.pixels instanceof PictureOnDisk);
  });

  test("decodes a JPEG at a fraction of its size, for both models, and counts where it was", async () => {
    const models = { detect: { model: thing }, segment: { model: middle } };
    const exact = await new PhotoPipeline(models).process(tray);
    const pipeline = new PhotoPipeline({ ...models, decode: "fast" });
    await using photo = await pipeline.open(tray);
    assert.ok(photo.pixels instanceof ReducedPicture);
    const { widthPx, heightPx } = photo.pixels.picture;
    assert.deepEqual([widthPx, heightPx], [32, 24]);
    assert.equal(bytesOf(await photo.count()), bytesOf(exact));
    assert.throws(() => new PhotoPipeline({ ...models, decode: "fast", slicing: {} }), {
      code: "INVALID_ARGUMENT",
    });
    await assert.rejects(detectSliced(thing, tray, { decode: "fast" }), coded("INVALID_ARGUMENT"));
  });

  test("refuses wrong options before the first photo", async () => {
    const wrong: Partial<PhotoPipelineOptions>[] = [
      { detect: { model: thing, options: { maxDetections: 0 } } },
      { segment: { model: middle, options: { confidence: 2 } } },
      { detect: { model: seedlings, options: { imageSize: 1e9 } } },
      { maxPixels: Number.NaN },
      { slicing: { slice: 0 } },
      { slicing: 640 as SlicingOptions },
      { slicing: { slise: 640 } as SlicingOptions },
      { slising: { slice: 640 } } as Partial<PhotoPipelineOptions>,
      { detect: undefined as unknown as ModelUse },
      { detect: thing as unknown as ModelUse },
      { detect: { model: thing, options: { confidance: 0.9 } as object } },
      { regions: "plots.geojson" as unknown as OwnRegions },
      { recordFrom: Number.NaN },
      { pixelsInMemory: Number.NaN },
    ];
    for (const options of wrong) {
      const all = { detect: { model: thing }, ...options };
      assert.throws(() => new PhotoPipeline(all), coded("INVALID_ARGUMENT"));
    }
    const pipeline = new PhotoPipeline({ detect: { model: thing } });
    for (const options of [{ sorce: "a.jpg" }, { signal: null }, { onSlices: 5 }]) {
      const processing = pipeline.process(blank(9, 9), options as object);
      await assert.rejects(processing, coded("INVALID_ARGUMENT"));
    }
  });

  test("refuses what is no photo, and photos above the limit", async () => {
    const pipeline = new PhotoPipeline({ detect: { model: thing }, maxPixels: 1000 });
    await assert.rejects(pipeline.process(tray), coded("PHOTO_TOO_LARGE"));
    await assert.rejects(pipeline.process(new Uint8Array(9)), coded("PHOTO_UNREADABLE"));
    await assert.rejects(pipeline.process("/no/such.jpg"), coded("PHOTO_NOT_FOUND"));
  });

  test("ends with the signal's reason", async () => {
    const pipeline = new PhotoPipeline({ detect: { model: thing }, slicing: { slice: 32 } });
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(pipeline.process(tray, { signal }), reason);
  });
});

test("a photo's bytes say when and where it was taken; the place can be left out", async () => {
  const image = { 272: "Trap 3" };
  const degrees = [[52, 1]] as const;
  const exif = exifBytes({ image, gps: { 2: degrees, 4: degrees } });
  const photo = await readFile(soil);
  const head = Buffer.from([0xff, 0xe1, 0, 0]);
  head.writeUInt16BE(exif.length + 2, 2);
  const bytes = Buffer.concat([photo.subarray(0, 2), head, exif, photo.subarray(2)]);
  const captureWith = async (options: Partial<PhotoPipelineOptions>) => {
    const pipeline = new PhotoPipeline({ detect: { model: thing }, ...options });
    let capture: unknown;
    const read = async () => ({ bytes, content: { sha256: "", sizeBytes: 1, mtimeUs: 1 } });
    const isKnown = async (content: PhotoContent) => {
      capture = JSON.parse(JSON.stringify(content.capture));
      return true;
    };
    assert.equal(await pipeline.openUnknown(read, { isKnown }), undefined);
    return capture;
  };
  assert.deepEqual(await captureWith({}), { latitude: 52, longitude: 52, camera: "Trap 3" });
  assert.deepEqual(await captureWith({ location: false }), { camera: "Trap 3" });
});
