/** `orangery run --regions` and `orangery compare` on photos of a field, with hand counts. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { CliFolder } from "./cli.fixture.ts";

const fixtures = fileURLToPath(new URL("../../shared/fixtures/", import.meta.url));
const field = join(fixtures, "field");
const names = ["plant", "weed", "stone"];

interface TrueField {
  readonly width: number;
  readonly height: number;
  readonly counts: { readonly [name: string]: number };
  /** Class, then the corners. */
  readonly boxes: readonly (readonly [number, number, number, number, number])[];
}

const skip = !existsSync(field) && "../shared/fixtures not present";

describe("photos of a field", { skip }, () => {
  let folder: CliFolder;
  let truth: { readonly [photo: string]: TrueField };

  before(async () => {
    folder = await CliFolder.create();
    truth = JSON.parse(await readFile(join(field, "truth.json"), "utf8"));
    const lines = Object.entries(truth).flatMap(([photo, { counts }]) =>
      Object.entries(counts).map(([name, count]) => `${photo},${name},${count}`),
    );
    await writeFile(join(folder.path, "truth.csv"), `photo,class,count\n${lines.join("\n")}\n`);
    for (const [photo, { width, height, boxes }] of Object.entries(truth)) {
      const file = join(folder.path, "labels", photo.replace(".jpg", ".txt"));
      await mkdir(join(file, ".."), { recursive: true });
      const labels = boxes.map(([id, x1, y1, x2, y2]) => {
        const centre = [(x1 + x2) / 2 / width, (y1 + y2) / 2 / height];
        return [id, ...centre, (x2 - x1) / width, (y2 - y1) / height].join(" ");
      });
      await writeFile(file, labels.join("\n"));
    }
    await writeFile(join(folder.path, "labels", "classes.txt"), names.join("\n"));
    const { status, stderr } = await run("--out", "field.db", "--record-from", "0.05");
    assert.equal(status, 0, stderr);
  });
  after(() => folder?.[Symbol.asyncDispose]());

  async function run(...more: string[]) {
    const model = join(fixtures, "models/field-det.pt");
    const args = ["--detect", model, "--slice", "320", "--device", "cpu", "--quiet"];
    return await folder.run("run", field, ...args, ...more);
  }

  async function compare(truthFile: string, ...more: string[]) {
    const args = ["compare", "field.db", truthFile, "--json", "--quiet", ...more];
    const { status, stdout, stderr } = await folder.run(...args);
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout);
  }

  test("have nearly twice the weeds, and with the threshold that compare names the right number", async () => {
    const { classes } = await compare("truth.csv");
    const [plant, stone, weed] = classes;
    assert.ok(weed.errorShare > 0.5, `${weed.errorShare}`);
    assert.ok(Math.abs(plant.errorShare) < 0.05 && Math.abs(stone.errorShare) < 0.05);
    const { threshold } = weed.byTotal;
    const again = await compare("truth.csv", "--class-confidence", `weed=${threshold}`);
    const after = again.classes[2];
    assert.ok(Math.abs(after.errorShare) <= 0.05, `${after.errorShare}`);
    assert.equal(after.counted, weed.byTotal.counted);
  });

  test("say with labels how well objects are found, and at which threshold best", async () => {
    const { classes, all } = await compare("labels", "--html", "page.html");
    assert.match(await readFile(join(folder.path, "page.html"), "utf8"), /^<!doctype html>/i);
    const weed = classes[2];
    assert.ok(weed.recall > 0.95 && weed.precision < 0.7, `${weed.recall} ${weed.precision}`);
    assert.ok(weed.byF1.f1 > weed.f1 + 0.1 && weed.byF1.threshold > 0.5);
    assert.equal(all.truth, Object.values(truth).flatMap(({ boxes }) => boxes).length);
  });

  test("are compared with another recipe only, which --truth-recipe names", async () => {
    for (const [recipe, complaint] of [
      ["none", /name "none" .* but there is none/],
      ["field-det", /Expected two recipes to compare, got [0-9a-f]{8} twice/],
    ] as const) {
      const args = ["compare", "field.db", "field.db", "--truth-recipe", recipe];
      const { status, stderr } = await folder.run(...args);
      assert.equal(status, 2);
      assert.match(stderr, complaint);
    }
  });

  test("are counted in plots by their names, and nowhere else", async () => {
    const [plot, [photo, { boxes }]] = ["A1", Object.entries(truth)[0]!];
    const [left, top, right, bottom] = [200, 100, 1000, 700];
    const ring = [
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
    ];
    const geometry = { type: "Polygon", coordinates: [ring] };
    const feature = { type: "Feature", properties: { name: plot, photo }, geometry };
    await writeFile(join(folder.path, "plots.geojson"), JSON.stringify(feature));
    const { status, stdout } = await run("--regions", "plots.geojson", "--out", "plots.db");
    assert.equal(status, 3, "three photos are not in the file");
    assert.match(stdout, /A1 \d+/);
    const args = ["export-results", "plots.db", "--format", "csv", "--out", "-"];
    const rows = (await folder.run(...args)).stdout.split("\r\n").map((row) => row.split(","));
    const counted = rows.find(([, region, , name]) => region === "1" && name === "plant")!;
    assert.equal(counted[2], plot);
    const inside = boxes.filter(([id, x1, y1, x2, y2]) => {
      const [x, y] = [(x1 + x2) / 2, (y1 + y2) / 2];
      return id === 0 && x >= left && x < right && y >= top && y < bottom;
    });
    assert.ok(Math.abs(Number(counted[4]) - inside.length) <= 0.05 * inside.length);
    const failures = (await folder.run("failures", "plots.db", "--json")).stdout;
    assert.equal(failures.match(/REGIONS_MISSING/g)?.length, 3);
  });
});
