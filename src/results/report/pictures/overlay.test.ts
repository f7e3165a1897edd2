import assert from "node:assert/strict";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { StoredResult } from "../../../ledger/results/stored-results.ts";
import { AnnotatedPictures } from "../../../pipeline/run/annotated-pictures.ts";
import { decodePicture } from "../../../vision/photo/decode-picture.ts";
import type { Region } from "../../../vision/region.ts";
import { exampleRegion, exampleResult } from "../../recorded-photos.fixture.ts";
import { drawOverlay } from "./overlay.ts";

const identity = { id: 1, source: "/1.jpg", contentSha256: "", recipeHash: "" };
const stored = { ...identity, createdAt: "", capture: {} };
const sizeWh = [800, 600] as const;

function resultWith(fields: Parameters<typeof exampleResult>[0]): StoredResult {
  return { ...exampleResult({ sizeWh, ...fields }), ...stored };
}

describe("a class has one colour", () => {
  const objects = [{ boxXyxy: [300, 200, 500, 400] as const }];
  const regionOf = (classId: number): Region => ({
    ...exampleRegion(1, sizeWh, (x) => x < 100),
    classId,
    name: `class ${classId}`,
  });

  /** The colours in the report, and those of the same places in the annotated picture. */
  async function coloursOf(regions: readonly Region[] | undefined) {
    const result = resultWith({ objects, ...(regions && { regions }) });
    const inReport = Array.from(
      drawOverlay(result).text.matchAll(/class="(region|object)" style="--c:rgb\(([\d,]+)\)/g),
      ([, kind, colour]) => [kind!, colour!.split(",").map(Number)] as const,
    );
    await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-colours-"));
    const photo = { data: new Uint8Array(3 * 800 * 600), widthPx: 800, heightPx: 600 };
    const file = await new AnnotatedPictures(folder.path).write("/1.jpg", photo, result);
    const { data } = await decodePicture(file);
    const pixel = (x: number, y: number) => [...data.subarray(3 * (y * 800 + x)).subarray(0, 3)];
    const drawn = { object: pixel(300, 300), region: pixel(99, 300) };
    for (const [kind, colour] of inReport) {
      const near = drawn[kind as "object" | "region"].map((value, i) => value - colour[i]!);
      assert.ok(Math.hypot(...near) < 60, `${kind}: ${colour}, but ${drawn[kind as "object"]}`);
    }
    return Object.fromEntries(inReport);
  }

  test("on every photo, in the report as in annotated pictures", async () => {
    const { object } = await coloursOf(undefined);
    assert.deepEqual(await coloursOf([]), { object });
    const [first, third] = [await coloursOf([regionOf(0)]), await coloursOf([regionOf(2)])];
    assert.deepEqual([first.object, third.object], [object, object]);
    assert.equal(new Set([object, first.region, third.region].map(String)).size, 3);
  });
});

describe("labels", () => {
  /** Regions that all begin at the same height, each within the one before. */
  const nested = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      exampleRegion(
        1 + i,
        sizeWh,
        (x, y) => y >= 100 && y < 500 && x >= 40 + 2 * i && x < 760 - 2 * i,
      ),
    );
  const labelsOf = (result: StoredResult) =>
    Array.from(
      drawOverlay(result).text.matchAll(
        /<text class="([a-z -]+)" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)/g,
      ),
      ([, kind, x, y, text]) => ({ kind: kind!, x: Number(x), y: Number(y), text: text! }),
    );

  /** Those that lie closer together than their letters are high, and as near across. */
  function assertApart(
    labels: readonly { x: number; y: number; text: string }[],
    letterPx: number,
  ) {
    for (const [i, a] of labels.entries()) {
      for (const b of labels.slice(i + 1)) {
        const isApart = Math.abs(a.y - b.y) >= letterPx || Math.abs(a.x - b.x) >= 2 * letterPx;
        assert.ok(isApart, `${a.text} at ${a.x}, ${a.y} and ${b.text} at ${b.x}, ${b.y}`);
      }
    }
  }

  test("of regions cover no other, on a card or large, and lie in their region", () => {
    const regions = nested(30);
    const labels = labelsOf(resultWith({ regions }));
    const onCard = labels.filter(({ kind }) => kind === "region-label");
    assert.ok(onCard.length > 5 && onCard.length < labels.length, `${onCard.length}`);
    assert.ok(labels.length > 15, `${labels.length}`);
    assertApart(onCard, 42 * 0.8);
    assertApart(labels, 22 * 0.8);
    for (const { x, y, text } of labels) {
      const { mask } = regions[Number.parseInt(text, 10) - 1]!;
      assert.ok(mask.contains(x, Math.max(y, 101)), text);
    }
  });

  test("of objects cover neither each other nor those of regions, and stay on the photo", () => {
    const objects = Array.from({ length: 12 }, (_, i) => ({
      boxXyxy: [780 - i, 100, 800, 120] as const,
      region: 1,
    }));
    const labels = labelsOf(resultWith({ objects, regions: nested(1) }));
    const ofObjects = labels.filter(({ kind }) => kind === "object-label");
    assert.ok(ofObjects.length >= 2 && ofObjects.length < objects.length);
    assertApart(ofObjects, 8);
    for (const { x } of ofObjects) assert.ok(x > 500 && x < 760, `${x}`);
  });

  test("are left out where nothing was found", () => {
    assert.deepEqual(labelsOf(resultWith({})), []);
  });
});
