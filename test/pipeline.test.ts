/** Whole photos through `PhotoPipeline`, held against what is truly on them; and a very large one. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdtempDisposable, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { detectSliced, ModelCache, PhotoPipeline } from "../src/index.ts";
import type { LargePhotoReport } from "./large-photo.fixture.ts";

const fixtures = new URL("../../shared/fixtures/", import.meta.url);
const fileOf = (name: string) => fileURLToPath(new URL(name, fixtures));
const skip = existsSync(fileOf("sahi.json")) ? false : "../shared/fixtures not present";
const readJson = (name: string) => JSON.parse(readFileSync(fileOf(name), "utf8"));

describe("sliced by 320 with an overlap of 0.2", { skip }, () => {
  const models = {
    detect: fileOf("models/plants-det.onnx"),
    segment: fileOf("models/beds-seg.onnx"),
  };

  it("as many plants are counted as there are, within 1.5 %, with and without beds", async (t) => {
    await using cache = new ModelCache({ models, device: "cpu" });
    const detect = { model: await cache.get("detect"), options: { maxDetections: 3000 } };
    const segment = { model: await cache.get("segment") };
    const slicing = { slice: 320, overlap: 0.2 };
    const pipelines = {
      "whole photos": new PhotoPipeline({ detect, slicing }),
      "within beds": new PhotoPipeline({ detect, segment, slicing }),
    };
    const truth: Record<string, { plants: number }> = readJson("photos/truth.json");
    for (const [what, pipeline] of Object.entries(pipelines)) {
      let [counted, there] = [0, 0];
      for (const [image, { plants }] of Object.entries(truth)) {
        const { objects, counts, regions } = await pipeline.process(fileOf(`photos/${image}`));
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

  it("it finds what SAHI finds, with its two ways to merge", async (t) => {
    await using cache = new ModelCache({ models, device: "cpu" });
    const model = await cache.get("detect");
    const cases: { image: string; postprocess: string; boxes: number[][] }[] =
      readJson("sahi.json");
    for (const { image, postprocess, boxes } of cases) {
      const merge =
        postprocess === "NMS"
          ? ({ method: "nms", metric: "iou" } as const)
          : ({ method: "nmm", metric: "ios" } as const);
      const photo = fileOf(`photos/${image}`);
      const { detections } = await detectSliced(model, photo, { slice: 320, overlap: 0.2, merge });
      const matched = boxes.filter((box) =>
        [...detections].some(({ boxXyxy }) =>
          boxXyxy.every((value, side) => Math.abs(value - box[side]!) <= 1.5),
        ),
      );
      t.diagnostic(
        `${image}, ${postprocess}: ${matched.length} of ${boxes.length}, ${detections.length} found`,
      );
      // SAHI's were found with the checkpoint; these with its export.
      assert.equal(detections.length, boxes.length, image);
      assert.ok(matched.length >= 0.99 * boxes.length, image);
    }
  });
});

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
