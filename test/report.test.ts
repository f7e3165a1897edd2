/** `orangery report`: the page, by its text; report-browser.test.ts opens it in a browser. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { copyFile, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { opener } from "../src/cli/commands/results/open-in-browser.ts";
import { createRecipe } from "../src/ledger/recipe.ts";
import {
  exampleRegion,
  exampleResult,
  type RecordedPhoto,
  recordPhotos,
} from "../src/results/recorded-photos.fixture.ts";
import { CliFolder, examplePhotos } from "./cli.fixture.ts";

/** A name that would do harm if it were taken for markup, script or style. */
const hostileName = `"><script>document.title='hacked'</script><img src=x onerror="document.title='hacked'">'\u202egpj.jpg`;
const regions = [exampleRegion(1, [100, 80], (x) => x < 60)];
const objects = [
  { score: 0.9, boxXyxy: [10, 10, 30, 30] as const, region: 1 },
  { score: 0.4, boxXyxy: [70, 40, 90, 70] as const, region: 0 },
];

let folder: CliFolder;
let page: string;

before(async () => {
  folder = await CliFolder.create();
  await mkdir(join(folder.path, "photos"));
  const photo = join(folder.path, "photos", "tray.jpg");
  await copyFile(join(examplePhotos, "tray-1.jpg"), photo);
  const contentSha256 = hash("sha256", await readFile(photo));
  const inPhotos = (name: string) => join(folder.path, "photos", name);
  const photos: RecordedPhoto[] = [
    { source: photo, contentSha256, result: exampleResult({ objects, regions }) },
    { source: inPhotos(hostileName), result: exampleResult({ objects, regions }) },
    {
      source: inPhotos("empty.jpg"),
      result: exampleResult({ regions: [], fallbackReason: "cuda:0: <no> driver" }),
    },
    {
      source: inPhotos("broken.jpg"),
      reason: { code: "PHOTO_UNREADABLE", message: "Expected <a photo>, got nothing." },
    },
    { source: inPhotos("left.jpg") },
  ];
  await recordPhotos(join(folder.path, "results.db"), photos);
  page = await reportOn("results.db");
});
after(() => folder[Symbol.asyncDispose]());

async function reportOn(file: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await folder.run("report", file, "--quiet", ...args);
  assert.equal(status, 0, stderr);
  const [, out] = /^Report +(.*)\n$/.exec(stdout)!;
  return await readFile(join(folder.path, out!), "utf8");
}

/** The page's texts, as they are read. */
function textOf(markup: string): string {
  return markup
    .replace(/<(script|style)>.*?<\/\1>/gs, "")
    .replace(/<[^>]*>/g, " ")
    .replaceAll(/\s+/g, " ");
}

describe("the page", () => {
  test("says what there is, what failed and what is left", () => {
    const text = textOf(page);
    for (const phrase of [
      "4 objects on 3 photos",
      "Not finished. 1 photo is left; run the same command again",
      "Why on cpu Not used: cuda:0: &lt;no&gt; driver",
      "Failed 1 20 % of the photos",
      "Regions 2",
      "1 × PHOTO_UNREADABLE",
      "Copy the photo from its source again",
      "Expected &lt;a photo&gt;, got nothing.",
      "2 objects; 1 region: 1",
      "Region Objects Mpx Per Mpx 1 bed 1 0.0048 208",
      "outside 1",
      "1 photo without a result. The others are not affected.",
      "ab".repeat(32),
    ]) {
      assert.ok(text.includes(phrase), `${phrase}\n${text}`);
    }
  });

  test("is well formed: every element is closed, no id is given twice", () => {
    const open: string[] = [];
    const empty = new Set(["meta", "img", "input", "br"]);
    const markup = page.replace(/<(script|style)>.*?<\/\1>/gs, "").replace("<!doctype html>", "");
    for (const [tag, close, name, , selfClosed] of markup.matchAll(
      /<(\/?)([a-z][a-z0-9]*)((?:"[^"]*"|[^">])*?)(\/?)>/g,
    )) {
      if (close) assert.equal(open.pop(), name, tag);
      else if (!selfClosed && !empty.has(name!)) open.push(name!);
    }
    assert.deepEqual(open, []);
    const ids = Array.from(page.matchAll(/ id="([^"]*)"/g), ([, id]) => id);
    assert.equal(new Set(ids).size, ids.length);
  });

  test("loads nothing, and forbids itself to", () => {
    const markup = page.replace(/ (href|src)="(#[^"]*|data:image\/webp;base64,[^"]*)"/g, "");
    assert.doesNotMatch(markup, /\b(href|src|srcset|action)="/);
    assert.doesNotMatch(markup, /url\(|@import|https?:/);
    const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)!;
    const [, script] = /<script>(.*?)<\/script>/s.exec(page)!;
    const digest = hash("sha256", script!, "base64");
    assert.ok(policy!.replaceAll("&#39;", "'").includes(`script-src 'sha256-${digest}'`));
    assert.match(policy!, /^default-src &#39;none&#39;;/);
  });

  test("takes no name for markup", () => {
    assert.equal(page.match(/<script/g)?.length, 1);
    assert.equal(page.match(/<img/g)?.length, 1);
    assert.ok(page.includes("&quot;&gt;&lt;script&gt;document.title=&#39;hacked&#39;"));
  });

  test("shows photos that are there, and says which are not", () => {
    assert.equal(page.match(/The photo cannot be found\./g)?.length, 2);
    assert.match(
      page,
      /<img src="data:image\/webp;base64,[^"]{10000,}" width="1280" height="960" alt="tray\.jpg: 2 objects; 1 region: 1">/,
    );
    assert.match(
      page,
      /<path class="region" style="--c:rgb\(\d+,\d+,\d+\)" d="M0 0L60 0L60 80L0 80z"\/>/,
    );
    assert.match(page, /d="M10 10H30V30H10zM70 40H90V70H70z"/);
  });

  test("has a heading for each section, and names for pictures and charts", () => {
    const levels = Array.from(page.matchAll(/<h([1-6])/g), ([, level]) => Number(level));
    assert.equal(levels.filter((level) => level === 1).length, 1);
    for (const [i, level] of levels.entries()) assert.ok(i === 0 || level <= levels[i - 1]! + 1);
    for (const [tag] of page.matchAll(/<img[^>]*>/g)) assert.match(tag, / alt="[^"]+"/);
    for (const [tag] of page.matchAll(/<svg[^>]*>/g))
      assert.match(tag, /aria-hidden="true"|aria-label="[^"]+"/);
  });

  test("is the same, byte for byte, for the same results", async () => {
    assert.equal(await reportOn("results.db", "--out", "again.html"), page);
  });
});

describe("a page about", () => {
  const sectionOf = (page: string, id: string) =>
    new RegExp(`<section id="${id}">(.*?)</section>`, "s").exec(page)![1]!;

  test("nothing at all is whole", async () => {
    await recordPhotos(join(folder.path, "nothing.db"), []);
    const text = textOf(await reportOn("nothing.db"));
    assert.match(text, /0 objects on 0 photos/);
    assert.match(text, /Photos 0 none were added/);
  });

  test("failures only lists each reason once, and unfolds to the photos", async () => {
    const photos = Array.from({ length: 30 }, (_, i) => ({
      source: `/${i}.jpg`,
      reason: { code: "PHOTO_ODD", message: `Odd: ${i} bytes at /${i}.jpg\nand more of it` },
    }));
    await recordPhotos(join(folder.path, "failures.db"), photos);
    const failures = sectionOf(await reportOn("failures.db"), "failures");
    const text = textOf(failures);
    assert.match(text, /30 photos without a result\. 30 × PHOTO_ODD/);
    assert.match(text, /30 photos: Odd: … bytes at … 0\.jpg 1\.jpg 10\.jpg 27 more 11\.jpg/);
    assert.match(text, /and 10 more: orangery export-results --format csv --rows photos lists all/);
    assert.equal(failures.match(/title="\//g)?.length, 20);
  });

  test("one device explains it quietly, one about several warns of what fell back", async () => {
    const photos = Array.from({ length: 5 }, (_, i) => ({
      source: `/${i}.jpg`,
      result: exampleResult(i < 2 ? { fallbackReason: "cuda:0: no memory" } : { device: "cuda:0" }),
    }));
    await recordPhotos(join(folder.path, "one-device.db"), photos.slice(0, 2));
    const one = await reportOn("one-device.db");
    assert.doesNotMatch(one, /class="notice"/);
    assert.match(textOf(one), /Device cpu for all photos Why on cpu Not used: cuda:0: no memory/);
    await recordPhotos(join(folder.path, "two-devices.db"), photos);
    const two = textOf(await reportOn("two-devices.db"));
    assert.match(two, /2 photos ran on cpu , not on the first choice: cuda:0: no memory/);
    assert.match(two, /Device cuda:0 60 %, others on cpu/);
    const fallbackReason = "regions were found on cpu: cuda:0: no memory";
    const split = { source: "/1.jpg", result: exampleResult({ device: "cuda:0", fallbackReason }) };
    await recordPhotos(join(folder.path, "split.db"), [split]);
    assert.match(
      textOf(await reportOn("split.db")),
      /1 photo ran on cuda:0 , not on the first choice: regions/,
    );
  });

  test("a recipe says it in words, with the names of classes", async () => {
    const recipe = createRecipe({
      detect: { sha256: "ab".repeat(32), classes: [1, 2], maxDetections: 3000 },
      slicing: { fullImage: false, slice: [640, 480], merge: { method: "nmm", metric: "ios" } },
      job: "count",
    });
    const result = exampleResult({ names: ["plant", "weed"] });
    await recordPhotos(join(folder.path, "recipe.db"), [{ source: "/1.jpg", result }], recipe);
    const page = await reportOn("recipe.db");
    const short = recipe.hash.slice(0, 8);
    assert.ok(page.includes(`<title>${short}, recipe.db – Orangery report</title>`));
    const text = textOf(sectionOf(page, "recipe"));
    for (const phrase of [
      `detect classes 1 weed, 2 max detections 3,000 sha256 ${"ab".repeat(32)}`,
      "slicing slice 640 × 480 merge method nmm merge metric ios full image no job count",
      `recipe ${recipe.hash}`,
    ]) {
      assert.ok(text.includes(phrase), `${phrase}\n${text}`);
    }
  });

  test("results of a recipe with a name has it in its title and under the headline", async () => {
    const recipe = createRecipe({
      detect: { sha256: "ab".repeat(32), confidence: 0.4, classConfidence: [[0, 0.6]] },
      segment: { sha256: "cd".repeat(32), confidence: 0.25, precision: "float16" },
      slicing: { slice: [640, 480] },
    });
    const photos = [1, 2, 3].map((number) => ({
      source: `/${number}.jpg`,
      contentSha256: hash("sha256", number < 3 ? "copies" : "another"),
      result: exampleResult({ objects: objects.slice(0, number) }),
    }));
    const named = { ...recipe, name: "seedlings-in-beds" };
    await recordPhotos(join(folder.path, "named.db"), photos, named);
    const page = await reportOn("named.db");
    assert.ok(page.includes("<title>seedlings-in-beds, named.db – Orangery report</title>"));
    const text = textOf(page);
    for (const phrase of [
      `on 3 photos Recipe seedlings-in-beds ${recipe.hash.slice(0, 8)} `,
      "detector abababab at confidence 0.4, of some classes another ",
      "segmenter cdcdcdcd at confidence 0.25 in float16 slices of 640 × 480 px named.db",
      "2 of 3 photos: copies of a photo share a picture. Open one to see it large.",
    ]) {
      assert.ok(text.includes(phrase), `${phrase}\n${text}`);
    }
  });

  for (const [count, tables] of [
    [12, [12]],
    [13, [6, 6]],
  ] as const) {
    test(`${count} photos with equal scores names none twice`, async () => {
      const objects = [{ score: 0.5, boxXyxy: [0, 0, 4, 4] as const }];
      const photos = Array.from({ length: count }, (_, i) => ({
        source: `/${i}.jpg`,
        result: exampleResult({ objects }),
      }));
      await recordPhotos(join(folder.path, `equal-${count}.db`), photos);
      const scores = sectionOf(await reportOn(`equal-${count}.db`), "scores");
      const named = Array.from(scores.matchAll(/title="([^"]*)"/g), ([, source]) => source);
      assert.equal(new Set(named).size, named.length);
      assert.equal(scores.match(/<table>/g)?.length, tables.length);
      assert.equal(
        named.length,
        tables.reduce<number>((sum, rows) => sum + rows, 0),
      );
    });
  }

  test("many photos lists the extremes and the first, chooses some, and counts all", async () => {
    const photos = Array.from({ length: 230 }, (_, i) => ({
      source: `/many/${String(i).padStart(3, "0")}.jpg`,
      result: exampleResult({
        names: ["plant", "weed"],
        objects: Array.from({ length: i }, (_, j) => ({
          classId: j % 2,
          score: 0.3 + ((i * 7) % 60) / 100,
          boxXyxy: [0, 0, 4, 4] as const,
        })),
      }),
    }));
    await recordPhotos(join(folder.path, "many.db"), photos);
    const many = await reportOn("many.db");
    const text = textOf(many);
    assert.match(text, /26,335 objects on 230 photos/);
    // The first 40 are among those with the fewest objects.
    assert.match(text, /160 of 230 photos: the 80 with the most objects, the 80 with the fewest/);
    const [, table] = /<section id="counts">(.*?)<\/section>/s.exec(many)!;
    assert.equal(table!.match(/<tr>/g)?.length, 161);
    assert.equal(many.match(/<article class="card"/g)?.length, 24);
    const reasons = Array.from(many.matchAll(/class="chip">([^<]*)</g), ([, reason]) => reason);
    const counts = Object.entries(Object.groupBy(reasons, (reason) => reason!));
    assert.deepEqual(
      counts.map(([reason]) => reason),
      ["lowest scores", "most objects", "fewest objects", "sample"],
    );
    assert.match(many, /<h3><bdi class="path clamp" title="\/many\/229\.jpg">229\.jpg/);
    assert.match(many, /<h3><bdi class="path clamp" title="\/many\/000\.jpg">000\.jpg/);
    assert.ok(many.length < 400_000, `${many.length} characters`);
  });

  test("a file that is not there is refused, and none is made", async () => {
    const { status, stderr } = await folder.run("report", "nowhere.db");
    assert.equal(status, 1);
    assert.match(stderr, /there is nothing at .*nowhere\.db.*\[LEDGER_NOT_FOUND\]/);
    assert.deepEqual(
      (await readdir(folder.path)).filter((name) => /nowhere|\.part$/.test(name)),
      [],
    );
  });
});

describe("opening the page", () => {
  const cases = [
    ["linux", { DISPLAY: ":0" }, true, "xdg-open"],
    ["linux", { WAYLAND_DISPLAY: "wayland-0" }, true, "xdg-open"],
    ["linux", {}, true, undefined],
    ["linux", { DISPLAY: ":0" }, false, undefined],
    ["linux", { DISPLAY: ":0", CI: "true" }, true, undefined],
    ["darwin", {}, true, "open"],
    ["darwin", { CI: "1" }, true, undefined],
    ["win32", {}, true, "explorer.exe"],
  ] as const;
  for (const [platform, env, isTerminal, program] of cases) {
    const where = `${platform}, ${JSON.stringify(env)}${isTerminal ? ", a terminal" : ""}`;
    test(`takes ${program ?? "nothing"} on ${where}`, () => {
      assert.equal(opener({ platform, env, isTerminal }), program);
    });
  }
});
