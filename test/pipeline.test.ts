/**
 * Whole photos through `PhotoPipeline`, held against what is truly on them; and a very large one.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtempDisposable, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { ModelCache, PhotoPipeline, type PhotoResult } from "../src/index.ts";
import { Mask } from "../src/vision/masks/mask.ts";
import type { LargePhotoReport } from "./large-photo.fixture.ts";

const fixtures = new URL("../../shared/fixtures/", import.meta.url);
const fileOf = (name: string) => fileURLToPath(new URL(name, fixtures));
const skip = existsSync(fileOf("sahi.json")) ? false : "../shared/fixtures not present";
const readJson = (name: string) => JSON.parse(readFileSync(fileOf(name), "utf8"));

describe("sliced by 320 with an overlap of 0.2", { skip }, () => {
  const truth: Record<string, Truth> = skip ? {} : readJson("photos/truth.json");
  /** The result of each photo, counted as a whole and within its beds. */
  let whole: Record<string, PhotoResult> = {};
  let withinBeds: Record<string, PhotoResult> = {};

  before(async () => {
    const models = {
      detect: fileOf("models/plants-det.onnx"),
      segment: fileOf("models/beds-seg.onnx"),
    };
    await using cache = new ModelCache({ models, device: "cpu" });
    const detect = { model: await cache.get("detect"), options: { maxDetections: 3000 } };
    const segment = { model: await cache.get("segment") };
    const slicing = { slice: 320, overlap: 0.2 };
    whole = await processAll(new PhotoPipeline({ detect, slicing }));
    withinBeds = await processAll(new PhotoPipeline({ detect, segment, slicing }));
  });

  async function processAll(pipeline: PhotoPipeline): Promise<Record<string, PhotoResult>> {
    const results: Record<string, PhotoResult> = {};
    for (const image of Object.keys(truth)) {
      results[image] = await pipeline.process(fileOf(`photos/${image}`));
    }
    return results;
  }

  test("plants are counted within 1.5 % of what is there, with and without beds", (t) => {
    for (const [what, results] of [
      ["whole photos", whole],
      ["within beds", withinBeds],
    ] as const) {
      let [counted, there] = [0, 0];
      for (const [image, { plants }] of Object.entries(truth)) {
        const { objects, counts, regions } = results[image]!;
        const countIn = (region: number) =>
          counts.find((count) => count.region === region)?.count ?? 0;
        assert.equal(countIn(0), objects.length);
        const inRegions = regions?.reduce((sum, { number }) => sum + countIn(number), 0);
        assert.equal(inRegions ?? objects.length, objects.length);
        counted += objects.length;
        there += plants;
      }
      t.diagnostic(`${what}: ${counted} of ${there}`);
      assert.ok(Math.abs(counted - there) <= 0.015 * there, `${counted} of ${there}, ${what}`);
    }
  });

  test("each bed is one region, with the plants that stand in it", (t) => {
    for (const [image, { width, height, beds, boxes }] of Object.entries(truth)) {
      const masks = beds.map((bed) => Mask.fromPolygon(bed, [width, height]));
      const { regions = [], counts } = withinBeds[image]!;
      assert.equal(regions.length, beds.length, image);
      for (const { number, mask } of regions) {
        const bed = masks.find((other) => other.iou(mask) > 0.5)!;
        const there = boxes.filter(([x1, y1, x2, y2]) =>
          bed.contains((x1 + x2) / 2, (y1 + y2) / 2),
        ).length;
        const counted = counts.find(({ region }) => region === number)!.count;
        t.diagnostic(`${image}, region ${number}: ${counted} of ${there}`);
        assert.ok(Math.abs(counted - there) <= 0.05 * there, `${image}, region ${number}`);
      }
    }
  });
});

interface Truth {
  readonly width: number;
  readonly height: number;
  readonly beds: [number, number][][];
  readonly plants: number;
  readonly boxes: [number, number, number, number][];
}

test("a photo that is larger than memory is to be is processed in little of it", async (t) => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-large-"));
  const photo = join(folder.path, "large.jpg");
  const [width, height] = [12_000, 9_000];
  const background = { r: 90, g: 120, b: 60 };
  await sharp({ create: { width, height, channels: 3, background }, limitInputPixels: false })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toFile(photo);
  const temporary = join(folder.path, "tmp");
  const script = fileURLToPath(new URL("large-photo.fixture.ts", import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, [script, photo, temporary], {
    encoding: "utf8",
  });
  assert.notEqual(stdout, "", stderr);
  const report: LargePhotoReport = JSON.parse(stdout);
  assert.deepEqual([report.widthPx, report.heightPx], [height, width]);
  assert.ok(report.sliceCount > 100);
  t.diagnostic(`${report.beforeMb.toFixed(0)} MB before, ${report.peakMb.toFixed(0)} at most`);
  // Its pixels are 324 MB, and its turning would take as many again.
  assert.ok(report.peakMb - report.beforeMb < 162, `${report.peakMb - report.beforeMb} MB more`);
  assert.deepEqual(await readdir(temporary), []);
});
