import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { tinyYolo } from "../src/models/yolo/tiny-yolo.fixture.ts";
import { CliFolder, examplePhotos, jsonLines, mainFile, quickModel } from "./cli.fixture.ts";

const tray = join(examplePhotos, "tray-1.jpg");
const soil = join(examplePhotos, "empty-soil.jpg");

interface PredictionLine {
  image: string;
  width: number;
  height: number;
  model: { file: string; task: string; sha256: string };
  device: string;
  reachedMaxDetections?: boolean;
  detections: {
    classId: number;
    name: string;
    score: number;
    boxXyxy: [number, number, number, number];
    mask?: { size: [number, number]; counts: number[] } | [number, number][][];
  }[];
  timingsMs: Record<string, number>;
}

const predictions = (stdout: string) => jsonLines(stdout) as unknown as PredictionLine[];

test("--json prints one line a photo, in the order given, with all that was found", async () => {
  await using folder = await CliFolder.create();
  const args = ["--model", "sample:seedlings", "--device", "cpu", "--json"];
  const { status, stdout, stderr } = await folder.run("predict", tray, soil, ...args);
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "");
  const [first, second, ...more] = predictions(stdout);
  assert.deepEqual(more, []);
  assert.deepEqual(Object.keys(first!), [
    "image",
    "width",
    "height",
    "model",
    "device",
    "detections",
    "timingsMs",
  ]);
  assert.deepEqual([first!.image, first!.width, first!.height], [tray, 1600, 1200]);
  assert.equal(first!.device, "cpu");
  assert.match(first!.model.file, /^seedlings\.onnx$/);
  assert.equal(first!.model.task, "detect");
  assert.match(first!.model.sha256, /^[0-9a-f]{64}$/);
  assert.ok(first!.detections.length > 200);
  const [best] = first!.detections;
  assert.deepEqual(Object.keys(best!), ["classId", "name", "score", "boxXyxy"]);
  assert.deepEqual(Object.keys(first!.timingsMs), [
    "decode",
    "preprocess",
    "inference",
    "postprocess",
    "total",
  ]);
  const { total = 0, ...steps } = first!.timingsMs;
  assert.ok(Math.max(...Object.values(steps)) <= total);
  assert.deepEqual([second!.image, second!.detections], [soil, []]);
});

test("a sliced photo is printed as one, with masks at its size", async () => {
  await using folder = await CliFolder.create();
  const args = ["predict", tray, "--device", "cpu", "--json", "--slice", "800"];
  const plants = await folder.run(...args, "--overlap", "0.1", "--model", "sample:seedlings");
  assert.equal(plants.status, 0, plants.stderr);
  const [line] = predictions(plants.stdout) as (PredictionLine & { slices: number })[];
  assert.deepEqual([line!.slices, line!.width, line!.height], [6, 1600, 1200]);
  assert.ok(line!.detections.length > 200 && line!.detections.length < 300);
  assert.ok(line!.timingsMs.merge! >= 0 && line!.timingsMs.slice! >= 0);
  const beds = await folder.run(...args, "--full-image", "--model", "sample:beds");
  const [bed] = predictions(beds.stdout) as (PredictionLine & { slices: number })[];
  assert.equal(bed!.slices, 7);
  assert.deepEqual((bed!.detections[0]!.mask as { size: number[] }).size, [1200, 1600]);
});

test("masks are printed as run lengths, as polygons, or not at all", async () => {
  await using folder = await CliFolder.create();
  const args = ["predict", tray, "--model", "sample:beds", "--device", "cpu", "--json"];
  const [rle, polygon, none] = await Promise.all([
    folder.run(...args),
    folder.run(...args, "--masks", "polygon"),
    folder.run(...args, "--masks", "none"),
  ]);
  const mask = ({ stdout }: { stdout: string }) => predictions(stdout)[0]!.detections[0]!.mask;
  const { size, counts } = mask(rle) as { size: number[]; counts: number[] };
  assert.deepEqual(size, [1200, 1600]);
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    1200 * 1600,
  );
  const [[point]] = mask(polygon) as [number, number][][] as [[[number, number]]];
  assert.equal(point.length, 2);
  assert.equal(mask(none), undefined);
});

test("without --json the best detections and the counts are printed in a table", async () => {
  await using folder = await CliFolder.create();
  const args = ["--model", "sample:seedlings", "--device", "cpu", "--max-detections", "20"];
  const { status, stdout, stderr } = await folder.run("predict", tray, soil, ...args);
  assert.equal(status, 0);
  const note = "+ 1 photo reached --max-detections 20: there may be more objects. ";
  assert.equal(stderr, `${note}Find them with --max-detections 3000.\n`);
  assert.match(stdout, /tray-1\.jpg {2}1600 × 1200 px, seedlings\.onnx on cpu, \d+ ms\n/);
  assert.match(stdout, /\n {2}name +score +left +top +right +bottom\n {2}plant +0\.\d{3} /);
  assert.match(stdout, /\n {2}… 10 more\n {2}20\+ × plant\n/);
  assert.match(stdout, /empty-soil\.jpg .*\n {2}nothing found\n$/);
});

test("--json says, too, which photos may have more objects", async () => {
  await using folder = await CliFolder.create();
  const args = ["predict", tray, soil, "--model", "sample:seedlings", "--device", "cpu", "--json"];
  for (const slicing of [[], ["--slice", "800"]]) {
    const all = await folder.run(...args, ...slicing, "--max-detections", "3000");
    assert.deepEqual(predictions(all.stdout).map(reached), [undefined, undefined]);
    assert.equal(all.stderr, "");
    const cut = await folder.run(...args, ...slicing, "--max-detections", "3");
    assert.deepEqual(predictions(cut.stdout).map(reached), [true, undefined]);
    assert.match(cut.stderr, /^\+ 1 photo reached --max-detections 3: /);
  }
});

test("a network that returns no more says that there may be more", async () => {
  await using folder = await CliFolder.create();
  await writeFile(join(folder.path, "full.onnx"), tinyYolo({ head: "end-to-end", isFull: true }));
  const args = ["predict", tray, "--model", "full.onnx", "--device", "cpu"];
  const table = await folder.run(...args);
  assert.match(table.stdout, / 4\+ × thing\n/);
  assert.match(table.stderr, /^\+ 1 photo reached the most objects that the network can return: /);
  const { stdout } = await folder.run(...args, "--json");
  assert.equal(jsonLines(stdout)[0]!.reachedNetworkLimit, true);
});

const reached = (line: PredictionLine) => line.reachedMaxDetections;

test("--annotate draws what was found", async () => {
  await using folder = await CliFolder.create();
  const args = ["--model", ...quickModel, "--annotate", "drawn"];
  const { status, stdout } = await folder.run("predict", tray, ...args);
  assert.equal(status, 0);
  const [name] = await readdir(join(folder.path, "drawn"));
  assert.match(name!, /^tray-1-[0-9a-f]{8}\.jpg$/);
  assert.ok(stdout.includes(join("drawn", name!)));
});

test("a photo that cannot be read is reported, also by the status, and the others are done", async () => {
  await using folder = await CliFolder.create();
  await writeFile(join(folder.path, "bad.jpg"), "no photo");
  const args = ["bad.jpg", soil, "missing.jpg", "--model", ...quickModel, "--json"];
  const { status, stdout, stderr } = await folder.run("predict", ...args);
  assert.equal(status, 3);
  const lines = jsonLines(stdout) as { image: string; error?: { code: string } }[];
  assert.deepEqual(
    lines.map(({ image, error }) => [image, error?.code]),
    [
      ["bad.jpg", "PHOTO_UNREADABLE"],
      [soil, undefined],
      ["missing.jpg", "PHOTO_NOT_FOUND"],
    ],
  );
  assert.match(stderr, /^orangery: bad\.jpg: Expected .*\[PHOTO_UNREADABLE\]$/m);
});

test("whoever reads the output may leave early", async () => {
  await using folder = await CliFolder.create();
  const command = `"$0" "$@" | head -c 10; echo; echo "status: \${PIPESTATUS[0]}"`;
  const photos = Array<string>(12).fill(soil);
  const args = [mainFile, "predict", ...photos, "--model", ...quickModel, "--json"];
  const { stdout, stderr } = await folder.spawn("bash", ["-c", command, process.execPath, ...args])
    .outcome;
  assert.deepEqual([stdout, stderr], ['{"image":"\nstatus: 0\n', ""]);
});

const failures: { args: string[]; status: number; message: RegExp }[] = [
  {
    args: ["--model", "missing.onnx"],
    status: 1,
    message: /^orangery: Expected a model file .*missing\.onnx.*\[MODEL_NOT_FOUND\]\n$/,
  },
  {
    args: ["--model", "notes.txt"],
    status: 1,
    message: /^orangery: Expected .*\[MODEL_NOT_ONNX\]\n$/,
  },
  {
    args: ["--model", "sample:apples"],
    status: 1,
    message: /^orangery: Expected a sample model of seedlings, beds, got `apples`.*\n$/,
  },
  {
    args: ["--model", "sample:seedlings", "--device", "cuda:31", "--require-device"],
    status: 1,
    message: /^orangery: Expected .*cuda:31.*\[DEVICE_UNAVAILABLE\]\n$/,
  },
];

for (const { args, status, message } of failures) {
  test(`predict ${args.join(" ")} fails with one clear line`, async () => {
    await using folder = await CliFolder.create();
    await writeFile(join(folder.path, "notes.txt"), "no model");
    const outcome = await folder.run("predict", soil, ...args);
    assert.equal(outcome.stdout, "");
    assert.match(outcome.stderr, message);
    assert.equal(outcome.status, status);
  });
}

test("Ctrl-C ends a prediction at once", async () => {
  await using folder = await CliFolder.create();
  const photos = Array<string>(200).fill(tray);
  const args = ["--model", "sample:seedlings", "--device", "cpu", "--json"];
  const running = folder.start("predict", ...photos, ...args);
  running.child.stdout?.once("data", () => running.child.kill("SIGINT"));
  const { status, stdout } = await running.outcome;
  assert.equal(status, 130);
  assert.ok(jsonLines(stdout).length < 200);
});

test("photos of a folder and by URL are predicted like those that are named", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["photos/a.png", "photos/more/b.png", "c.png"]);
  await writeFile(join(folder.path, "photos/notes.txt"), "text");
  const bytes = await readFile(join(folder.path, "c.png"));
  await using server = createServer((_request, response) => response.end(bytes));
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/c.png`;
  const args = ["predict", "photos", url, "--model", ...quickModel, "--json"];

  const { status, stdout, stderr } = await folder.run(...args, "--allow-private-addresses");
  assert.equal(status, 0, stderr);
  assert.deepEqual(
    predictions(stdout).map(({ image, width }) => [image, width]),
    [
      ["photos/a.png", 64],
      ["photos/more/b.png", 64],
      [url, 64],
    ],
  );
  assert.equal(stderr, "1 file left out: 1 .txt\n");

  const refused = await folder.run(...args);
  assert.equal(refused.status, 3);
  assert.match(refused.stderr, /--allow-private-addresses.*\[PHOTO_ADDRESS_REFUSED\]/);
  await mkdir(join(folder.path, "empty"));
  const empty = await folder.run("predict", "empty", "--model", ...quickModel);
  assert.equal(empty.status, 3);
  assert.match(empty.stderr, /Found no photos/);
});
