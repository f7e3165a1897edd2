import assert from "node:assert/strict";
import { test } from "node:test";
import type { ObjectCount } from "../../../ledger/results/result-rows.ts";
import type { WorklistPhoto } from "../../../ledger/worklist/worklist-view.ts";
import { formatCountsTable } from "./counts-table.ts";

function photo(
  source: string,
  counts: ObjectCount[],
  regionCount?: number,
  regionNames?: string[],
): WorklistPhoto {
  const objectCount = counts.reduce(
    (sum, { region, count }) => sum + (region === 0 ? count : 0),
    0,
  );
  const result = { id: 1, contentSha256: "", widthPx: 1, heightPx: 1, device: "cpu" };
  return {
    source,
    state: "done",
    reason: undefined,
    result: { ...result, objectCount, regionCount, regionNames, counts, warnings: [] },
  };
}

const count = (region: number, name: string, count: number) => ({ region, name, count });
const totals = (...counts: [string, number][]) => ({
  objectCount: counts.reduce((sum, [, count]) => sum + count, 0),
  countByName: new Map(counts),
});

const deepFolder = `/${"a/very/deep/folder/".repeat(10)}`;

const cases = [
  {
    title: "a long path and many regions are shortened",
    options: {
      photos: [
        photo(
          `${deepFolder}photo.jpg`,
          Array.from({ length: 14 }, (_, i) => count(i, "plant", i === 0 ? 13 : 1)),
          13,
        ),
      ],
      photoCount: 1,
      totals: totals(["plant", 13]),
    },
    lines: [
      `Photo${" ".repeat(57)}plant  by region`,
      "/a/very/deep/folder…deep/folder/a/very/deep/folder/photo.jpg".padEnd(62) +
        `   13  ${"1 + ".repeat(12)}… (13)`,
      `${"Total of 1 photo".padEnd(62)}   13`,
    ],
  },
  {
    title: "nothing on one photo",
    options: { photos: [photo("/a.jpg", [])], photoCount: 1, totals: totals() },
    lines: ["Photo             objects", "/a.jpg                  0", "Total of 1 photo        0"],
  },
  {
    title: "plants in regions, and photos that are not shown",
    options: {
      photos: [
        photo(
          "/a.jpg",
          [count(0, "plant", 1500), count(1, "plant", 1500), count(2, "plant", 0)],
          2,
        ),
        photo("/b.jpg", [], 0),
      ],
      photoCount: 1002,
      totals: totals(["plant", 2000]),
    },
    lines: [
      "Photo                  plant  by region",
      "/a.jpg                 1,500  1,500 + 0",
      "/b.jpg                     0  –",
      "… 1,000 more",
      "Total of 1,002 photos  2,000",
    ],
  },
  {
    title: "more names than columns, and a photo that reached the limit",
    options: {
      photos: [
        photo(
          "/a.jpg",
          [..."abcdefg"].map((name) => count(0, name, 1)),
        ),
      ],
      photoCount: 1,
      totals: totals(...[..."abcdefg"].map((name): [string, number] => [name, 1])),
      maxDetections: 7,
    },
    lines: [
      "Photo              a   b   c   d   e  others",
      "/a.jpg            1+  1+  1+  1+  1+      2+",
      "Total of 1 photo   1   1   1   1   1       2",
      "+ reached --max-detections 7: there may be more, raise it to know",
    ],
  },
];

for (const { title, options, lines } of cases) {
  test(`the table of counts: ${title}`, () => {
    assert.equal(formatCountsTable({ maxDetections: 3000, ...options }), `${lines.join("\n")}\n`);
  });
}

test("regions that people drew have their names", () => {
  const counts = [
    { region: 0, name: "plant", count: 5 },
    { region: 1, name: "plant", count: 3 },
    { region: 2, name: "plant", count: 2 },
  ];
  const photos = [photo("/a.jpg", counts, 2, ["A1", "B 2"])];
  const totals = { objectCount: 5, countByName: new Map([["plant", 5]]) };
  const table = formatCountsTable({ photos, photoCount: 1, totals, maxDetections: 9 });
  assert.match(table, /A1 3 \+ B 2 2$/m);
});
