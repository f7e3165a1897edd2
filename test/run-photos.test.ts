import assert from "node:assert/strict";
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import sharp from "sharp";
import { heicPhotos } from "../src/vision/photo/formats/heic.fixture.ts";
import { CliFolder, examplePhotos, jsonLines, mainFile, quickModel } from "./cli.fixture.ts";

const detect = ["--detect", ...quickModel];

/** Two white pixels of 24 bits. */
const whiteBmp = Buffer.from(
  "424d3e000000000000003600000028000000020000000100000001001800" +
    "000000000800000000000000000000000000000000000000ffffffffffff0000",
  "hex",
);

interface Summary {
  readonly photos: number;
  readonly done: number;
  readonly failed: number;
  readonly leftOut: {
    readonly files: number;
    readonly byExtension: object;
    readonly folders: object;
  };
  readonly withoutPhotos?: readonly string[];
}

async function summaryOf(folder: CliFolder, ...args: string[]) {
  const { status, stdout, stderr } = await folder.run("run", ...args, ...detect, "--json");
  const lines = jsonLines(stdout);
  return { status, stderr, lines, summary: lines.at(-1) as unknown as Summary };
}

describe("a folder", () => {
  test("is accounted for file by file: done, failed with a reason, or left out", async () => {
    await using folder = await CliFolder.create();
    await folder.writePhotos(["photos/a.png", "photos/b.jpg", "photos/@eaDir/b.jpg/THUMB_M.jpg"]);
    const failing = {
      "raw.CR2": "raw",
      "anim.gif": "GIF89a",
      "notes.jpg": "no photo",
      "x.tif": "",
    };
    for (const [name, text] of Object.entries(failing)) {
      await writeFile(join(folder.path, "photos", name), text);
    }
    await symlink("../annex/lost", join(folder.path, "photos/lost.jpg"));
    for (const name of ["notes.txt", "b.xmp", ".DS_Store", "README"]) {
      await writeFile(join(folder.path, "photos", name), "text");
    }
    const out = ["--out", "photos/results.db"];
    const { status, summary, lines } = await summaryOf(folder, "photos", ...out);
    assert.equal(status, 3);
    assert.deepEqual([summary.photos, summary.done, summary.failed], [7, 2, 5]);
    assert.deepEqual(summary.leftOut, {
      files: 4,
      byExtension: { hidden: 1, "without extension": 1, ".xmp": 1, ".txt": 1 },
      folders: { "@eaDir": 1 },
    });
    const reasons = lines
      .filter(({ type }) => type === "failed")
      .map(({ image, message }) => `${String(image).split("/").at(-1)}: ${message}`);
    assert.match(reasons[0]!, /^anim\.gif: .*GIF/);
    assert.match(reasons[1]!, /^lost\.jpg: .*a link to \.\.\/annex\/lost, which is not there/);
    assert.match(reasons[2]!, /^notes\.jpg: /);
    assert.match(reasons[3]!, /^raw\.CR2: /);
    assert.match(reasons[4]!, /^x\.tif: .*empty/);

    const again = await folder.run("run", "photos", ...out, ...detect, "--exclude", "*.cr2");
    assert.match(again.stdout, /^5 files left out: .*1 \.cr2$/m);
    assert.match(again.stdout, /^1 folder left out: 1 @eaDir$/m);
  });

  test("of a phone, a camera and a scanner is counted on; HEIC takes a package", async () => {
    await using folder = await CliFolder.create();
    await folder.writePhotos(["a.jpg"]);
    await mkdir(join(folder.path, "photos"));
    const jpeg = await readFile(join(folder.path, "a.jpg"));
    await writeFile(join(folder.path, "photos/stereo.MPO"), Buffer.concat([jpeg, jpeg]));
    await writeFile(join(folder.path, "photos/phone.HEIC"), heicPhotos.turned.bytes);
    await writeFile(join(folder.path, "photos/scan.bmp"), whiteBmp);
    const { status, stderr, summary } = await summaryOf(folder, "photos");
    assert.equal(status, 0, stderr);
    assert.deepEqual([summary.done, summary.leftOut.files], [3, 0]);
    assert.deepEqual(folder.query("select width_px, height_px from result order by width_px"), [
      { width_px: 2, height_px: 1 },
      { width_px: 40, height_px: 64 },
      { width_px: 64, height_px: 48 },
    ]);

    const hook = `import { registerHooks } from "node:module";
      registerHooks({ resolve(name, context, next) {
        return next(name.startsWith("libheif-js") ? "not-installed" : name, context);
      } });`;
    const args = [mainFile, "run", "photos", ...detect, "--out", "without.db"];
    const without = await folder.spawn(process.execPath, [
      `--import=data:text/javascript,${encodeURIComponent(hook)}`,
      ...args,
    ]).outcome;
    assert.equal(without.status, 3, without.stderr);
    assert.match(without.stdout, /phone\.HEIC.*\n.*libheif-js.*Run `npm install libheif-js`/);
    assert.match(without.stdout, /Total of 2 photos/);
  });

  test("without photos ends with 3 and is named, unless that is allowed", async () => {
    await using folder = await CliFolder.create();
    await folder.writePhotos(["full/a.png"]);
    await mkdir(join(folder.path, "empty"));
    const named = await summaryOf(folder, "empty", "full");
    assert.equal(named.status, 3);
    assert.match(named.stderr, /No photos in empty\. Is it mounted/);
    assert.deepEqual(named.summary.withoutPhotos, [join(folder.path, "empty")]);
    assert.equal(named.summary.done, 1);
    assert.equal((await summaryOf(folder, "empty", "full", "--allow-empty")).status, 0);
    const text = await folder.run("run", "empty", ...detect);
    assert.equal(text.status, 3);
    assert.match(text.stdout, /^No photos {3}empty$/m);
  });
});

describe("a list of photos", () => {
  test("comes from a file or standard input, and what is wrong in it fails by itself", async () => {
    await using folder = await CliFolder.create();
    await folder.writePhotos(["photos/a.png", "photos/b.png", "more/c.png"]);
    const list = ["photos/a.png", "missing.jpg", "ftp://host/d.jpg", "s3:///e.jpg", "more"];
    await writeFile(join(folder.path, "list.txt"), `${list.join("\r\n")}\r\n`);
    const { status, summary, lines } = await summaryOf(folder, "--from-file", "list.txt");
    assert.equal(status, 3);
    assert.deepEqual([summary.done, summary.failed], [2, 3]);
    for (const { code } of lines.filter(({ type }) => type === "failed")) {
      assert.equal(code, "PHOTO_NOT_FOUND");
    }

    const args = [mainFile, "run", "photos/b.png", "--from-file", "-", ...detect, "--json"];
    const node = `"${process.execPath}" ${args.map((arg) => `'${arg}'`).join(" ")}`;
    const { outcome } = folder.spawn("sh", ["-c", `printf 'photos/a.png\\0' | ${node}`]);
    const piped = await outcome;
    assert.equal(piped.status, 0, piped.stderr);
    assert.equal((jsonLines(piped.stdout).at(-1) as unknown as Summary).done, 2);
  });

  test("that is not there, or no photos at all, are refused", async () => {
    await using folder = await CliFolder.create();
    const missing = await folder.run("run", "--from-file", "none.txt", ...detect);
    assert.equal(missing.status, 2);
    assert.match(missing.stderr, /Expected a list of photos at .*none\.txt .*\[INVALID_ARGUMENT\]/);
    const none = await folder.run("run", ...detect);
    assert.equal(none.status, 2);
    assert.match(none.stderr, /missing required argument 'photo'/);
    await writeFile(join(folder.path, "empty.txt"), "\n");
    const empty = await folder.run("run", "--from-file", "empty.txt", ...detect);
    assert.equal(empty.status, 3);
    assert.match(empty.stderr, /Found no photos/);
  });
});

test("photos are chosen, recorded and exported as the options say", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["photos/b.png"]);
  await sharp(join(examplePhotos, "tray-1.jpg"))
    .withExif({
      IFD2: { DateTimeOriginal: "2026:05:12 06:30:00" },
      IFD3: {
        GPSLatitudeRef: "N",
        GPSLatitude: "50/1 30/1 0/1",
        GPSLongitudeRef: "E",
        GPSLongitude: "8/1 0/1 0/1",
      },
    })
    .toFile(join(folder.path, "photos", "a.jpg"));
  const run = ["run", "photos", "--detect", ...quickModel, "--include", "A.*", "--quiet"];
  for (const [options, latitude] of [
    [["--out", "with.db"], 50.5],
    [["--out", "without.db", "--no-location"], null],
  ] as const) {
    const { status, stderr } = await folder.run(...run, ...options);
    assert.equal(status, 0, stderr);
    const rows = folder.query("select taken_at, latitude from photo", options[1]);
    assert.deepEqual(rows, [{ taken_at: "2026-05-12T06:30:00", latitude }]);
  }
  await writeFile(join(folder.path, "project.json"), '{"project": {"title": "Trays"}}');
  const { status, stderr } = await folder.run(
    ...["export-results", "with.db", "--format", "camtrap-dp", "--out", "package", "--quiet"],
    ...["--package", "project.json", "--taxon", "plant=Brassica oleracea"],
    ...["--time-zone", "+02:00", "--relative-to", "photos"],
  );
  assert.equal(status, 0, stderr);
  const read = (name: string) => readFile(join(folder.path, "package", name), "utf8");
  assert.equal(JSON.parse(await read("datapackage.json")).project.title, "Trays");
  const [, observation] = (await read("observations.csv")).split("\n");
  assert.match(observation!, /,2026-05-12T06:30:00\+02:00,.*,Brassica oleracea,1,/);
});
