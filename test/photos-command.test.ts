/** `orangery photos`: people put results right, and pause a run that is at work. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { exampleResult, recordPhotos } from "../src/results/recorded-photos.fixture.ts";
import { CliFolder, jsonLines, quickModel } from "./cli.fixture.ts";

describe("orangery photos", { timeout: 120_000 }, () => {
  let folder: CliFolder;

  before(async () => {
    folder = await CliFolder.create();
    await folder.writePhotos(["photos/a.png", "photos/b.png", "photos/c.png"]);
    const run = await folder.run("run", "photos/a.png", "photos/b.png", "--detect", ...quickModel);
    assert.equal(run.status, 0, run.stderr);
  });
  after(() => folder?.[Symbol.asyncDispose]());

  const photos = async (...args: string[]) => {
    const { status, stdout, stderr } = await folder.run("photos", ...args);
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };

  test("excludes and includes photos by path and filter, and lists who did so", async () => {
    assert.equal(await photos("exclude", "photos/a.png", "--dry-run"), "1 photo would be excluded");
    assert.equal(await photos("exclude", "photos/a.png", "--by", "Anna"), "1 photo is excluded");
    const again = await folder.run(
      "run",
      "photos/a.png",
      "photos/b.png",
      "--detect",
      ...quickModel,
    );
    assert.equal(again.status, 0, "an excluded photo is no failure");
    const summary = await folder.run("summary", "--json");
    assert.equal(JSON.parse(summary.stdout).photos, 1);
    const [included] = jsonLines(await photos("include", "--all", "--json"));
    assert.deepEqual(included, { change: "include", photos: 1, dryRun: false });
    const actions = jsonLines(await photos("actions", "--json"));
    assert.deepEqual(
      actions.map(({ kind, number }) => [kind, number]),
      [
        ["include", 1],
        ["exclude", 1],
      ],
    );
    assert.equal(actions[1]!.person, "Anna");
    assert.match(await photos("actions"), /Anna +exclude +1 .*a\.png/);
  });

  test("takes those that match all of its options", async () => {
    const names = ["plant", "weed"];
    const box = [0, 0, 9, 9] as const;
    const few = exampleResult({ names, objects: [{ score: 0.3, boxXyxy: box }] });
    const many = exampleResult({
      names,
      objects: [0.9, 0.8, 0.7].map((score, classId) => ({
        classId: Math.min(classId, 1),
        score,
        boxXyxy: box,
      })),
    });
    await recordPhotos(join(folder.path, "filters.db"), [
      { source: "/few.jpg", result: few },
      { source: "/many.jpg", result: many },
      { source: "/bad.jpg", reason: { code: "PHOTO_UNREADABLE", message: "bad" } },
    ]);
    for (const [filter, matching] of [
      ["--min-count 2", 1],
      ["--max-count 1", 1],
      ["--min-count 1 --max-count 3", 2],
      ["--min-count 3 --max-count 1", 0],
      ["--class plant --min-count 1", 2],
      ["--class weed --min-count 1", 1],
      ["--class weed --max-count 0", 1],
      ["--max-score 0.3", 1],
      ["--min-score 0.9", 1],
      ["--code PHOTO_UNREADABLE", 1],
      ["--state done", 2],
      ["--device cuda:0", 0],
      ["--warning any", 0],
      ["--name MANY", 1],
      ["--taken-before 2026-01-01", 0],
    ] as const) {
      const args = [...filter.split(" "), "--results", "filters.db", "--dry-run", "--json"];
      const [would] = jsonLines(await photos("exclude", ...args));
      assert.deepEqual([filter, would!.photos], [filter, matching]);
    }
  });

  test("pauses a run in another process, which says so, waits, and goes on", async () => {
    assert.match(await photos("pause", "--by", "Anna"), /is paused$/);
    assert.match(await photos("pause"), /was already paused$/);
    const { child, outcome } = folder.start("run", "photos", "--detect", ...quickModel);
    const { promise, resolve } = Promise.withResolvers<void>();
    let printed = "";
    child.stderr!.on("data", (part) => {
      printed += part;
      if (/Anna has paused it at .* lets it go on\./.test(printed)) resolve();
    });
    await Promise.race([promise, outcome]);
    assert.equal(JSON.parse((await folder.run("summary", "--json")).stdout).photos, 2);
    assert.match(await photos("resume"), /is going on$/);
    const { status, stdout, stderr } = await outcome;
    assert.equal(status, 0, stderr);
    assert.match(stderr, /Going on\./);
    assert.match(stdout, /This run +1 photo/);
  });

  test("refuses to change all without being asked to, and results that are not there", async () => {
    const all = await folder.run("photos", "forget");
    assert.deepEqual([all.status, /or --all/.test(all.stderr)], [2, true]);
    const missing = await folder.run("photos", "retry", "--all", "--results", "none.db");
    assert.deepEqual([missing.status, /LEDGER_NOT_FOUND/.test(missing.stderr)], [1, true]);
  });
});
