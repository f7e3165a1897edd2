import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { copyFile, mkdir, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { CliFolder, examplePhotos, jsonLines, mainFile, quickModel } from "./cli.fixture.ts";

const numbered = (count: number, folder = "photos") =>
  Array.from({ length: count }, (_, i) => `${folder}/${String(i).padStart(3, "0")}.png`);

function assertNobodyBlamed(folder: CliFolder): void {
  assert.deepEqual(folder.query("select distinct attempts from entry"), [{ attempts: 0 }]);
}

/** One result for each content, one photo done for each file, nothing held by anybody. */
function assertAllDoneOnce(folder: CliFolder, photos: number, contents = photos): void {
  assert.deepEqual(folder.query("select state, count(*) as photos from entry group by state"), [
    { state: "done", photos },
  ]);
  assert.deepEqual(
    folder.query(
      "select (select count(*) from entry) as entries, (select count(*) from result) as results, " +
        "(select count(distinct result_id) from result_objects) as detections, " +
        "(select count(*) from owner) as owners",
    ),
    [{ entries: photos, results: contents, detections: contents, owners: 0 }],
  );
}

test("the example photos are counted, drawn, listed in a table, and done once", async () => {
  await using folder = await CliFolder.create();
  const args = ["run", examplePhotos, "--detect", "sample:seedlings", "--segment", "sample:beds"];
  const first = await folder.run(...args, "--annotate", "drawn", "--device", "cpu");
  assert.equal(first.status, 0, first.stderr);
  assert.match(first.stdout, /^Photo +plant +by region\n/);
  assert.match(first.stdout, /empty-soil\.jpg +0 +–\n/);
  assert.match(first.stdout, /tray-5\.jpg +\d+ +\d+ \+ \d+ \+ \d+ \+ \d+/);
  assert.match(first.stdout, /Total of 6 photos/);
  assert.match(first.stdout, /6 photos in .*, 2 model loads on cpu/);
  assert.match(first.stderr, /6\/6 photos/);
  assert.equal((await readdir(join(folder.path, "drawn"))).length, 6);
  assertAllDoneOnce(folder, 6);

  const again = await folder.run(...args, "--annotate", "drawn", "--device", "cpu", "--json");
  assert.equal(again.status, 0, again.stderr);
  const lines = jsonLines(again.stdout);
  assert.equal(lines.length, 7);
  const { image, detections, regions } = lines[5] as Record<string, never[]>;
  assert.equal(image, join(examplePhotos, "tray-5.jpg"));
  assert.equal(regions?.length, 4);
  assert.ok(Number(detections) > 500);
  const summary = lines[6] as { type: string; photos: number; run: Record<string, unknown> };
  assert.deepEqual([summary.type, summary.photos], ["summary", 6]);
  assert.deepEqual([summary.run.photos, summary.run.modelLoads], [0, 0]);
});

test("same names are different photos, identical bytes one result, bad photos fail", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["photos/a/x.png", "photos/b/x.png", "photos/b/.hidden.png"]);
  await mkdir(join(folder.path, "photos", "c"));
  await copyFile(join(folder.path, "photos/a/x.png"), join(folder.path, "photos/c/twin.png"));
  await writeFile(join(folder.path, "photos/bad.jpg"), "no photo");
  const args = ["run", "photos", "--detect", ...quickModel, "--annotate", "photos/drawn"];

  const first = await folder.run(...args);
  assert.equal(first.status, 3, first.stderr);
  assert.match(first.stdout, /photos\/a\/x\.png/);
  assert.match(first.stdout, /photos\/b\/x\.png/);
  assert.match(
    first.stdout,
    /Failed \(1\):\n {2}photos\/bad\.jpg {2}PHOTO_UNREADABLE\n {4}Expected/,
  );
  assert.match(first.stderr, /Failed: photos\/bad\.jpg \(PHOTO_UNREADABLE\)/);
  assert.deepEqual(folder.query("select count(*) as results from result"), [{ results: 2 }]);
  const drawn = await readdir(join(folder.path, "photos", "drawn"));
  assert.equal(drawn.length, 3, "each photo has a picture, and none was taken for a photo");

  // A removed picture is drawn again, without a model; the bad photo stays failed.
  await rm(join(folder.path, "photos", "drawn", drawn[0]!));
  const again = await folder.run(...args, "--json");
  assert.equal(again.status, 3);
  assert.deepEqual(await readdir(join(folder.path, "photos", "drawn")), drawn);
  const lines = jsonLines(again.stdout);
  assert.deepEqual(
    lines.map(({ type }) => type),
    ["photo", "photo", "failed", "photo", "summary"],
  );
  assert.equal(lines[2]?.code, "PHOTO_UNREADABLE");

  // Repaired, it is done.
  await folder.writePhotos(["good.png"], { widthPx: 50 });
  await copyFile(join(folder.path, "good.png"), join(folder.path, "photos/bad.jpg"));
  const repaired = await folder.run(...args);
  assert.equal(repaired.status, 0, repaired.stdout);
  assertAllDoneOnce(folder, 4, 3);
});

test("sliced photos are counted within their regions, under a recipe of their own", async () => {
  await using folder = await CliFolder.create();
  const models = ["--detect", "sample:seedlings", "--segment", "sample:beds", "--device", "cpu"];
  const args = ["run", join(examplePhotos, "tray-1.jpg"), ...models, "--json"];
  const slicing = ["--slice", "640x480", "--overlap", "0.25", "--merge", "nms", "--metric", "iou"];
  const photoOf = async (...options: string[]) => {
    const { status, stdout, stderr } = await folder.run(...args, ...options);
    assert.equal(status, 0, stderr);
    return jsonLines(stdout)[0] as { detections: number; regions: { counts: object }[] };
  };
  const sliced = await photoOf(...slicing);
  assert.ok(sliced.detections > 200);
  assert.deepEqual(sliced.regions[0]?.counts, { plant: sliced.detections });
  await photoOf(...slicing, "--merge-threshold", "0.5", "--batch-size", "2");
  await photoOf();
  assert.deepEqual(folder.query("select slice_count from result order by id"), [
    { slice_count: 9 },
    { slice_count: 1 },
  ]);
  const [recipe] = folder.query("select recipe as json from recipe order by id");
  const { slicing: recorded, version } = JSON.parse(String(recipe?.json));
  assert.deepEqual([recorded.slice, recorded.overlap, version], [[640, 480], 0.25, 4]);
  const [{ timings_ms: timings }] = folder.query("select timings_ms from result order by id") as [
    { timings_ms: string },
  ];
  for (const step of ["read", "decode", "segment", "slice", "detect", "merge", "inference"]) {
    assert.ok(JSON.parse(timings)[step] >= 0, step);
  }
});

const refusedSlicing: [what: string, options: string[], complaint: RegExp][] = [
  ["an overlap without slices", ["--overlap", "0.2"], /'--overlap <share>' needs --slice/],
  ["merging without slices", ["--merge", "nms"], /'--merge <how>' needs --slice/],
  ["slices of half the pixels", ["--slice", "320", "--decode", "fast"], /slices need all pixels/],
  ["the whole photo too, without slices", ["--full-image"], /'--full-image' needs --slice/],
  ["a number of slices for their size", ["--slice", "10"], /at least 32 px/],
  ["an overlap of automatic slices", ["--slice", "auto", "--overlap", "0.2"], /overlap of its own/],
  ["an overlap of all", ["--slice", "320", "--overlap", "1"], /from 0 to below 1, got "1"/],
  ["a threshold of nothing", ["--slice", "320", "--merge-threshold", "0"], /above 0 and up to 1/],
  ["a slice of no size", ["--slice", "0"], /pixels as in 640, width x height/],
  ["another way to merge", ["--slice", "320", "--merge", "average"], /nmm, nms/],
  ["a batch of nothing", ["--slice", "320", "--batch-size", "0"], /whole number from 1 up/],
];
for (const [what, options, complaint] of refusedSlicing) {
  test(`the command line is refused that asks for ${what}`, async () => {
    await using folder = await CliFolder.create();
    const args = ["run", "photos", "--detect", "sample:seedlings", ...options];
    const { status, stderr } = await folder.run(...args);
    assert.equal(status, 2, stderr);
    assert.match(stderr, complaint);
  });
}

test("annotated pictures among the photos are refused", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["photos/a.png"]);
  const args = ["run", "photos", "--detect", ...quickModel, "--annotate", "./photos/"];
  const { status, stderr } = await folder.run(...args);
  assert.equal(status, 2);
  assert.match(stderr, /Expected a folder of their own .*\[INVALID_ARGUMENT\]/);
});

test("--retry tries photos again that failed, a larger limit does so by itself", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["a.png"]);
  const args = ["run", "a.png", "--detect", ...quickModel];
  const small = await folder.run(...args, "--max-pixels", "100");
  assert.equal(small.status, 3);
  assert.match(small.stdout, /PHOTO_TOO_LARGE/);
  assert.equal((await folder.run(...args)).status, 0);

  await writeFile(join(folder.path, "bad.png"), "");
  const bad = ["run", "bad.png", "--detect", ...quickModel];
  assert.match((await folder.run(...bad)).stdout, /1 photo in/);
  assert.match((await folder.run(...bad)).stdout, /nothing was left to do/);
  assert.match((await folder.run(...bad, "--retry")).stdout, /1 photo in/);
});

test("a changed photo has a new result, a touched one keeps its own", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["a.png", "b.png"]);
  const args = ["run", "a.png", "--detect", ...quickModel];
  await folder.run(...args);
  await utimes(join(folder.path, "a.png"), 1, 1);
  assert.equal((await folder.run(...args)).status, 0);
  assertAllDoneOnce(folder, 1);
  await copyFile(join(folder.path, "b.png"), join(folder.path, "a.png"));
  assert.equal((await folder.run(...args)).status, 0);
  assertAllDoneOnce(folder, 1, 2);
});

test("killed again and again, a run goes on and every photo has one result", async () => {
  await using folder = await CliFolder.create();
  const photos = numbered(80);
  await folder.writePhotos(photos);
  const args = ["run", "photos", "--detect", ...quickModel, "--annotate", "drawn"];
  for (const doneAtLeast of [1, 20, 45]) {
    const running = folder.start(...args);
    await folder.until(running, `select 1 from result limit 1 offset ${doneAtLeast - 1}`);
    // Wherever it is now: reading, inferring, drawing or writing.
    await new Promise((resolve) => setTimeout(resolve, 20 * Math.random()));
    running.child.kill("SIGKILL");
    await running.outcome;
  }
  const last = await folder.run(...args, "--json");
  assert.equal(last.status, 0, last.stderr);
  assertAllDoneOnce(folder, photos.length);
  const drawn = await readdir(join(folder.path, "drawn"));
  assert.equal(drawn.length, photos.length, "no picture is missing, none is half written");
  const { run } = jsonLines(last.stdout).at(-1) as { run: { photos: number } };
  assert.ok(run.photos < 50, "what was done was not done again");
});

test("Ctrl-C finishes the photos in progress, gives others back, says how to resume", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(numbered(60));
  const args = ["run", "photos", "--detect", ...quickModel];
  const running = folder.start(...args);
  await folder.until(running, "select 1 from result limit 1");
  running.child.kill("SIGINT");
  const { status, stdout, stderr } = await running.outcome;
  assert.equal(status, 130, stderr);
  assert.match(stderr, /Stopping after the photos in progress/);
  assert.match(stdout, /Left +\d+ photos; interrupted, run the same command again to resume/);
  assert.deepEqual(
    folder.query("select distinct state, attempts from entry where state != 'done'"),
    [{ state: "waiting", attempts: 0 }],
  );
  assert.equal((await folder.run(...args)).status, 0);
  assertAllDoneOnce(folder, 60);
});

test("a second Ctrl-C aborts the photo in progress without blame", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["huge.png"], { widthPx: 9000, heightPx: 6000 });
  const running = folder.start("run", "huge.png", "--detect", ...quickModel);
  await folder.until(running, "select 1 from entry where begun = 1");
  running.child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 350));
  running.child.kill("SIGINT");
  const { status, signal, stderr } = await running.outcome;
  // The second may come when the process has nothing left of its own to end: to a shell it is 130.
  assert.ok(status === 130 || signal === "SIGINT", stderr);
  const [entry] = folder.query("select state, attempts from entry");
  // It may have been finished in time.
  assert.ok(entry?.state === "done" || (entry?.state === "waiting" && entry.attempts === 0));
});

test("two runs share the work and do no photo twice", async () => {
  await using folder = await CliFolder.create();
  const photos = numbered(40);
  await folder.writePhotos(photos);
  let held: (() => void)[] | undefined = [];
  await using server = createServer(({ url }, response) => {
    const answer = () => createReadStream(join(folder.path, "photos", url!)).pipe(response);
    if (held === undefined) answer();
    else held.push(answer);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // As many as two runs lease at first, and some more.
  const twins = photos.slice(0, 20).map((name) => name.replace("photos", origin));
  const args = ["run", ...twins, "photos", "--detect", ...quickModel, "--json"];
  const [first, second] = [1, 2].map(() => folder.start(...args, "--allow-private-addresses"));
  // Photos behind URLs that are done when a run lists them are read again.
  await folder.until(first!, "select count(distinct owner) as owners from entry having owners = 2");
  for (const answer of held) answer();
  held = undefined;
  const both = await Promise.all([first!.outcome, second!.outcome]);
  const done = both.map(({ status, stdout, stderr }) => {
    assert.equal(status, 0, stderr);
    const lines = jsonLines(stdout);
    assert.equal(lines.length, 61, "each lists all photos");
    return (lines.at(-1) as { run: { photos: number } }).run.photos;
  });
  assert.equal(done[0]! + done[1]!, 60);
  assert.ok(Math.min(...done) > 0, `both worked: ${done.join(" and ")}`);
  assertAllDoneOnce(folder, 60, 40);
});

test("a photo that takes the process down three times has failed, others are done", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(numbered(6));
  // Large enough to be caught at work.
  await folder.writePhotos(["photos/003-killer.png"], { widthPx: 8000, heightPx: 6000 });
  const args = ["run", "photos", "--detect", ...quickModel];
  let deaths = 0;
  for (;;) {
    const running = folder.start(...args);
    await folder.until(
      running,
      `select 1 from entry join photo on photo.id = photo_id join owner on owner.id = owner
       where begun = 1 and source like '%killer%' and pid = ${running.child.pid}`,
    );
    // Stands for the crash that the photo would cause.
    if (running.child.kill("SIGKILL")) deaths++;
    const { status, stdout } = await running.outcome;
    if (status === null) continue;
    assert.equal(status, 3);
    assert.match(stdout, /003-killer\.png {2}PHOTO_CRASHED_WORKER\n {4}The process died 3 times/);
    break;
  }
  assert.equal(deaths, 3);
  assert.deepEqual(folder.query("select state, count(*) as photos from entry group by state"), [
    { state: "done", photos: 6 },
    { state: "failed", photos: 1 },
  ]);
});

test("a results file of a newer version is refused and not touched", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["a.png"]);
  const args = ["run", "a.png", "--detect", ...quickModel];
  await folder.run(...args);
  const database = new DatabaseSync(join(folder.path, "results.db"));
  database.exec("pragma user_version = 99");
  database.close();
  const { status, stdout, stderr } = await folder.run(...args);
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /^orangery: Expected .*version 99.*\[LEDGER_NEWER\]\n$/);
});

const isLinux = process.platform === "linux";

test("at a file size limit a run ends with a clear error, and goes on when it is gone", {
  skip: !isLinux && "needs bash's ulimit",
}, async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(numbered(80));
  const args = [mainFile, "run", "photos", "--detect", ...quickModel];
  // Blocks of 1,024 bytes. Ignored, the signal that comes with the limit becomes an error. A
  // measurement of coverage would be cut off, too.
  const script = `trap '' XFSZ; unset NODE_V8_COVERAGE; ulimit -f 440; exec "$@"`;
  const limited = await folder.spawn("bash", ["-c", script, "bash", process.execPath, ...args])
    .outcome;
  assert.equal(limited.status, 1, limited.stderr);
  assert.match(limited.stderr, /orangery: Expected room to write .*start again.*\[NO_SPACE\]/);
  const [done] = folder.query("select count(*) as photos from result");
  assert.ok(Number(done?.photos) > 0, "it had begun");

  assert.equal((await folder.spawn(process.execPath, args).outcome).status, 0);
  assertAllDoneOnce(folder, 80);
  assertNobodyBlamed(folder);
});

const mayMount =
  isLinux && spawnSync("unshare", ["-rm", "mount", "-t", "tmpfs", "none", tmpdir()]).status === 0;

test("on a full disk a run ends with a clear error, and goes on when there is room", {
  skip: !mayMount && "needs the right to mount a small disk (unshare -rm)",
}, async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(numbered(80));
  await mkdir(join(folder.path, "disk"));
  // The disk is seen by these processes only and is gone with the last of them.
  const script = `
    mount -t tmpfs -o size=400k none disk || exit 99
    "$@"; echo "first: $?"
    mount -o remount,size=50m disk
    "$@"; echo "second: $?"
    cp disk/results.db results.db`;
  const args = ["run", "photos", "--detect", ...quickModel, "--quiet"];
  const command = ["-rm", "sh", "-c", script, "sh", process.execPath, mainFile, ...args];
  const { stdout, stderr } = await folder.spawn("unshare", [
    ...command,
    "--out",
    "disk/results.db",
    "--annotate",
    "disk/drawn",
  ]).outcome;
  assert.match(stderr, /^orangery: Expected .*\[NO_SPACE\]$/m);
  assert.match(stdout, /first: 1\n[\s\S]*second: 0\n$/);
  assertAllDoneOnce(folder, 80);
  assertNobodyBlamed(folder);
});
