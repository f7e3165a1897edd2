/** Photos that move, are copied and are forgotten: the totals of `run`, `report` and exports. */
import assert from "node:assert/strict";
import { cp, mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import sharp from "sharp";
import { CliFolder, examplePhotos } from "./cli.fixture.ts";

let folder: CliFolder;
const at = (name: string) => join(folder.path, name);

before(async () => {
  folder = await CliFolder.create();
  await mkdir(at("photos"));
  // As small as the network sees them: each report draws them all.
  for (const name of await readdir(examplePhotos)) {
    await sharp(join(examplePhotos, name))
      .resize(640)
      .toFile(at(`photos/${name}`));
  }
});
after(() => folder[Symbol.asyncDispose]());

async function orangery(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await folder.run(...args);
  assert.equal(status, 0, stderr);
  return stdout;
}

const run = (...paths: string[]) =>
  orangery("run", ...paths, "--detect", "sample:seedlings", "--image-size", "640", "--quiet");

/** The title of the report, and the photos and the sum of counts of the export. */
async function totals(...args: string[]) {
  await orangery("report", "results.db", "--quiet", ...args);
  const [, title] = /<h1>(.*?)<\/h1>/s.exec(await readFile(at("results.html"), "utf8"))!;
  const csv = await orangery(
    "export-results",
    "results.db",
    "--format",
    "csv",
    "--out",
    "-",
    ...args,
  );
  const rows = csv.split("\r\n").slice(1, -1);
  const photos = new Set(rows.map((row) => row.split(",")[0]!));
  const count = rows.reduce((sum, row) => sum + Number(row.split(",")[4]), 0);
  const [objects, onPhotos] = title!.replace(/<.*?>/g, "").match(/[\d,]+/g)!;
  assert.deepEqual(
    [objects, onPhotos].map((text) => Number(text!.replace(",", ""))),
    [count, photos.size],
  );
  return {
    photos: photos.size,
    count,
    folders: new Set([...photos].map((photo) => photo.split("/").at(-2))),
  };
}

test("a renamed folder, its copies and what is forgotten have the right totals", async () => {
  await run("photos");
  const once = await totals();
  assert.ok(once.photos > 1 && once.count > 100);

  await rename(at("photos"), at("renamed"));
  const moved = await run("renamed");
  assert.match(
    moved,
    new RegExp(`^Moved {7}${once.photos} photos: .* name whose file is gone$`, "m"),
  );
  const results = folder.query("select count(*) as results, max(id) as last from result");
  assert.deepEqual(results, [{ results: once.photos, last: once.photos }]);
  assert.deepEqual(await totals(), { ...once, folders: new Set(["renamed"]) });

  await cp(at("renamed"), at("copies"), { recursive: true });
  assert.doesNotMatch(await run("renamed", "copies"), /Moved/);
  const twice = await totals();
  assert.deepEqual([twice.photos, twice.count], [2 * once.photos, 2 * once.count]);
  const page = await readFile(at("results.html"), "utf8");
  assert.match(page, new RegExp(`${once.photos} photos are copies\\s+of others`));
  assert.deepEqual(await totals("--count-duplicates-once"), {
    ...once,
    folders: new Set(["copies"]),
  });
  assert.deepEqual(await totals("--under", "renamed"), { ...once, folders: new Set(["renamed"]) });

  const plan = await orangery("forget", "copies", "--dry-run");
  assert.match(plan, new RegExp(`^Would forget ${once.photos} photos:\\n {2}copies/`));
  assert.deepEqual(await totals(), twice);
  assert.equal(
    await orangery("forget", "--under", "copies/"),
    `Forgot ${once.photos} photos and 0 results\n`,
  );
  assert.deepEqual(await totals(), { ...once, folders: new Set(["renamed"]) });
});

test("what is not recorded is not forgotten, and missing results are not made", async () => {
  const unknown = await folder.run("forget", "renamed", "nowhere");
  assert.equal(unknown.status, 2);
  assert.match(unknown.stderr, /none at or below .*nowhere. Nothing was removed/);
  const none = await folder.run("forget", "renamed", "--results", "none.db");
  assert.equal(none.status, 1);
  assert.match(none.stderr, /there is nothing at .*none\.db.*LEDGER_NOT_FOUND/);
  assert.equal((await folder.run("forget")).status, 2);
});
