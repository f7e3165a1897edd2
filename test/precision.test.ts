/** `--precision` on the command line: a job tries int8 on its own photos, and stays with it. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { CliFolder, examplePhotos, jsonLines } from "./cli.fixture.ts";
import { openRedis } from "./servers/redis-server.ts";

const fixtures = fileURLToPath(new URL("../../shared/fixtures/", import.meta.url));
const skip = !existsSync(fixtures) && "../shared/fixtures not present";

interface Counted {
  readonly photo: string;
  readonly objects: number;
}

/** What a run printed of each photo, by name. */
const countsOf = (stdout: string) =>
  (jsonLines(stdout).slice(0, -1) as unknown as Counted[]).map(({ photo, objects }) => [
    photo,
    objects,
  ]);

describe("a job on photos that int8 does not count as float32 does", () => {
  const stack = new AsyncDisposableStack();
  let folder: CliFolder;
  // The sample model is not learned, and needs exact numbers.
  const job = ["photos", "--detect", "sample:seedlings", "--image-size", "320"];

  before(async () => {
    folder = stack.use(await CliFolder.create());
    await mkdir(join(folder.path, "photos"));
    for (const name of await readdir(examplePhotos)) {
      const photo = sharp(join(examplePhotos, name));
      for (const left of [0, 400]) {
        const part = photo.clone().extract({ left, top: 0, width: 400, height: 400 });
        await part.toFile(join(folder.path, `photos/${left}-${name}`));
      }
    }
  });
  after(() => stack.disposeAsync());

  test("is refused in int8, with nothing recorded", async () => {
    const { status, stderr } = await folder.run("run", ...job, "--precision", "int8");
    assert.equal(status, 1, stderr);
    assert.match(
      stderr,
      /, (the total moves by|[\d.]+ % of the objects match).*\[PRECISION_REFUSED\]/,
    );
    assert.deepEqual(folder.query("select 1 from recipe union all select 1 from entry"), []);
  });

  test("stays with float32 where the precision is chosen, and says why", async () => {
    const { status, stderr } = await folder.run("run", ...job, "--precision", "auto");
    assert.equal(status, 0, stderr);
    assert.match(
      stderr,
      /Counting in float32: on \d+ photos that int8 was not calibrated on, (the total moves|[\d.]+ % of)/,
    );
    const [recipe, ...others] = folder.query("select recipe from recipe");
    assert.equal(others.length, 0);
    assert.doesNotMatch(String(recipe!.recipe), /calibration/);
  });
});

describe("a job on photos that int8 counts as float32 does", { skip }, () => {
  const stack = new AsyncDisposableStack();
  let folder: CliFolder;
  const model = join(fixtures, "models/plants-det.pt");
  const job = ["photos", "--detect", model, "--precision", "int8"];

  before(async () => {
    folder = stack.use(await CliFolder.create());
    await mkdir(join(folder.path, "photos"));
    // Parts of photos take less time.
    for (const tray of [1, 2, 3, 4]) {
      await sharp(join(fixtures, `photos/tray-${tray}.jpg`))
        .extract({ left: 200, top: 160, width: 320, height: 320 })
        .toFile(join(folder.path, `photos/${tray}.png`));
    }
  });
  after(() => stack.disposeAsync());

  test("is tried once: a run that goes on, other results and workers have the same recipe", async () => {
    const first = await folder.run("run", ...job, "--json");
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stderr, /Counting in int8: on 2 photos that int8 was not calibrated on/);
    const recipes = () => folder.query("select hash, name from recipe");
    const [{ hash }] = recipes() as [{ hash: string }];
    const again = await folder.run("run", ...job, "--json", "--retry");
    assert.equal(again.status, 0, again.stderr);
    assert.match(again.stderr, /Counting in int8: as in the results that exist/);
    const elsewhere = await folder.run("run", ...job, "--json", "--out", "other.db");
    assert.deepEqual(countsOf(elsewhere.stdout), countsOf(first.stdout));
    assert.deepEqual(folder.query("select hash from recipe", "other.db"), [{ hash }]);

    await using redis = await openRedis();
    const queue = ["--queue", "precision", "--queue-url", redis.url, "--results", "results.db"];
    const added = await folder.run("enqueue", ...job, ...queue, "--json");
    assert.equal(added.status, 0, added.stderr);
    assert.match(added.stderr, /Counting in int8: as in the results that exist/);
    assert.deepEqual(recipes(), [{ hash, name: "plants-det-int8" }]);
  });

  test("is tried by predict as well", async () => {
    const photos = [1, 2, 3, 4].map((tray) => `photos/${tray}.png`);
    const predicted = await folder.run("predict", ...photos, "--model", model, ...job.slice(-2));
    assert.equal(predicted.status, 0, predicted.stderr);
    assert.match(predicted.stderr, /Counting in int8: on 2 photos that int8 was not calibrated/);
  });
});
