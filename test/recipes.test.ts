/** Recipes as values: `orangery recipe`, and `--recipe` in the commands that take one. */
import assert from "node:assert/strict";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CliFolder, jsonLines } from "./cli.fixture.ts";

const sample = join(import.meta.dirname, "../src/models/samples/seedlings.onnx");
const small = ["--image-size", "128"] as const;

/** A folder with a photo, and a model of its own. */
async function createFolder(): Promise<CliFolder> {
  const folder = await CliFolder.create();
  await folder.writePhotos(["photos/a.png"]);
  await writeFile(join(folder.path, "plants.onnx"), await readFile(sample));
  return folder;
}

test("a recipe has the options that it was made with", async () => {
  await using folder = await CliFolder.create();
  const { stdout, stderr } = await folder.run(
    ...["recipe", "make", "--detect", "sample:seedlings", "--segment", "sample:beds"],
    ...["--segment-class-confidence", "bed=0.5", "--segment-image-size", "320x640"],
    ...["--value-range", "-5,1e3", "--bands", "3,2,1"],
  );
  assert.equal(stderr, "");
  const { segment, samples } = JSON.parse(stdout);
  assert.deepEqual([segment.classConfidence, segment.imageSize], [[[0, 0.5]], [320, 640]]);
  assert.deepEqual(samples, { bands: [3, 2, 1], valueRange: [-5, 1000] });
});

test("a recipe is made, run, listed and compared, and found when its model has moved", async () => {
  await using folder = await createFolder();
  const made = await folder.run("recipe", "make", "--detect", "plants.onnx", ...small);
  assert.equal(made.status, 0, made.stderr);
  const options = ["--detect", "plants.onnx", ...small, "--out", "recipes.json"] as const;
  const written = await folder.run("recipe", "make", ...options, "--recipe-name", "plants-2026");
  assert.match(written.stdout, /^plants-2026 [0-9a-f]{8} is in recipes\.json\n$/);
  const document = JSON.parse(await readFile(join(folder.path, "recipes.json"), "utf8"));
  assert.equal(document.detect.file, "plants.onnx", "relative to the recipe's file");
  const { detect, name, ...rest } = JSON.parse(made.stdout);
  assert.deepEqual([name, document.name], ["plants", "plants-2026"]);
  assert.deepEqual({ ...document, name: "", detect: "" }, { ...rest, name: "", detect: "" });
  assert.equal(detect.sha256, document.detect.sha256);

  const run = ["run", "photos", "--device", "cpu", "--quiet", "--json"] as const;
  const byOptions = await folder.run(...run, "--detect", "plants.onnx", ...small);
  const [, end] = jsonLines(byOptions.stdout);
  assert.equal(byOptions.status, 0, byOptions.stderr);
  await rename(join(folder.path, "plants.onnx"), join(folder.path, "photos", "renamed.onnx"));
  const lost = await folder.run(...run, "--recipe", "recipes.json");
  assert.equal(lost.status, 1);
  assert.match(lost.stderr, /MODEL_NOT_FOUND/);
  const found = await folder.run(...run, "--recipe", "recipes.json", "--models", "photos");
  assert.equal(found.status, 0, found.stderr);
  const [again] = jsonLines(found.stdout).slice(-1);
  assert.deepEqual([end!.done, again!.done], [1, 1]);

  const list = await folder.run("recipe", "list", "--results", "results.db", "--json");
  const listed = jsonLines(list.stdout);
  assert.deepEqual(
    listed.map((recipe) => [recipe.name, recipe.done]),
    [["plants-2026", 1]],
    "one recipe, whose name is the last that it was given",
  );
  const shown = await folder.run("recipe", "show", "recipes.json");
  assert.match(shown.stdout, new RegExp(`^hash +${listed[0]!.hash}$`, "m"));
  assert.match(shown.stdout, /^detect\.imageSize +128$/m);

  await writeFile(
    join(folder.path, "other.json"),
    JSON.stringify({ ...document, detect: { ...document.detect, confidence: 0.4 } }),
  );
  const compared = await folder.run("recipe", "compare", "recipes.json", "other.json");
  assert.equal(compared.status, 3);
  assert.match(compared.stdout, /^detect\.confidence +0\.25 +0\.4$/m);
  const same = await folder.run(
    ...["recipe", "compare", "recipes.json", "plants-2026"],
    ...["--results", "results.db", "--json"],
  );
  assert.deepEqual([same.status, jsonLines(same.stdout)[0]!.same], [0, true]);
});

test("predict takes a recipe's detector, and options beside a recipe are refused", async () => {
  await using folder = await createFolder();
  const options = ["--detect", "plants.onnx", "--slice", "32", ...small, "--out", "r.json"];
  await folder.run("recipe", "make", ...options);
  const predicted = await folder.run(
    ...["predict", "photos/a.png", "--recipe", "r.json", "--device", "cpu", "--json"],
  );
  assert.equal(predicted.status, 0, predicted.stderr);
  assert.ok(Number(jsonLines(predicted.stdout)[0]!.slices) > 1, predicted.stdout);
  for (const [command, given] of [
    ["run", ["--confidence", "0.5"]],
    ["run", ["--detect", "plants.onnx"]],
    ["predict", ["--slice", "64"]],
    ["enqueue", ["--recipe-name", "x"]],
  ] as const) {
    const refused = await folder.run(command, "photos", "--recipe", "r.json", ...given);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /^orangery: option '--.*' and '--recipe' exclude each other$/m);
  }
});

test("a recipe's file may name a sample, and begins as editors write it; devices are kept", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["photos/a.png"]);
  const make = ["recipe", "make", "--detect", "sample:seedlings", ...small, "--out"] as const;
  assert.equal((await folder.run(...make, "recipes/r.json")).status, 0);
  const file = join(folder.path, "recipes", "r.json");
  const json = await readFile(file, "utf8");
  assert.match(json, /"file": "sample:seedlings"/);
  await writeFile(file, `\uFEFF${json}`);
  const run = [
    "run",
    "photos",
    "--device",
    "cpu",
    "--quiet",
    "--recipe",
    "recipes/r.json",
  ] as const;
  const { status, stderr } = await folder.run(...run);
  assert.equal(status, 0, stderr);
  for (const out of ["/dev/full", "photos", "s3://bucket/r.json"]) {
    const refused = await folder.run(...make, out);
    assert.equal(refused.status, 2, refused.stderr);
    assert.match(refused.stderr, /INVALID_ARGUMENT/);
  }
});

test("what is no recipe is refused with what is wrong with it", async () => {
  await using folder = await CliFolder.create();
  await writeFile(join(folder.path, "r.json"), '{"job":"count"}');
  const cases = [
    [["run", "photos", "--recipe", "none.json"], 1, /RECIPE_NOT_FOUND/],
    [["run", "photos", "--recipe", "r.json"], 1, /r\.json: .*`version`.*\[RECIPE_INVALID\]/],
    [["recipe", "list"], 2, /Expected --queue <name> or --results <file>/],
    [["recipe", "make"], 2, /option '--detect <model>' is needed/],
    [["recipe", "bake"], 2, /unknown command 'bake'/],
  ] as const;
  for (const [args, status, message] of cases) {
    const refused = await folder.run(...args);
    assert.equal(refused.status, status, refused.stderr);
    assert.match(refused.stderr, message);
  }
});
