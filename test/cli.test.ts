import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { hasNvidiaDriver } from "../src/native/providers/cuda-provider.ts";
import { CliFolder, mainFile, quickModel } from "./cli.fixture.ts";

const binFile = fileURLToPath(new URL("../bin/orangery.js", import.meta.url));

const model = ["--detect", "sample:seedlings"];
const float16 = ["quantize", "m.pt", "m.onnx", "--photos", ".", "--precision", "float16"];
const mistakes: { args: string[]; message: RegExp }[] = [
  { args: ["rum"], message: /unknown command 'rum'\n\(Did you mean run\?\)/ },
  { args: ["devices", "rum"], message: /unknown command 'rum'\. Expected list, add or remove\n/ },
  { args: ["jobs", "x"], message: /unknown command 'x'\. Expected list, show, .* or resume\n/ },
  { args: ["run"], message: /missing required argument 'photo'/ },
  { args: ["run", "."], message: /option '--detect <model>' is needed/ },
  { args: ["predict", "a.jpg"], message: /option '--model <model>' is needed/ },
  {
    args: ["run", ".", "--detekt", "m.onnx"],
    message: /unknown option '--detekt'\n\(Did you mean --detect\?\)/,
  },
  {
    args: ["run", ".", ...model, "--confidence", "25"],
    message:
      /'--confidence <score>' argument '25' is invalid\. Expected a number from 0 to 1, got "25"/,
  },
  { args: ["run", ".", ...model, "--iou", ""], message: /Expected a number from 0 to 1, got ""/ },
  {
    args: ["run", ".", ...model, "--max-detections", "0"],
    message: /Expected a whole number from 1 up, got "0"/,
  },
  {
    args: ["run", ".", ...model, "--image-size", "640x"],
    message: /Expected pixels as in 640, or height x width as in 480x640, got "640x"/,
  },
  {
    args: ["run", ".", ...model, "--segment-confidence", "0.5"],
    message: /option '--segment-confidence <score>' needs --segment/,
  },
  {
    args: ["run", ".", ...model, "--slice", "640", "--overlap", "0x0"],
    message: /Expected a number from 0 to below 1, got "0x0"/,
  },
  {
    args: ["predict", "a.jpg", "--model", "m", "--device", "gpu"],
    message: /Expected a device of auto, cpu, cuda:N.*got `gpu`/,
  },
  {
    args: ["run", ".", ...model, "--device", "cpu", "--device-option", "num_streams=1"],
    message: /is for other devices: the CPU has none\. ORANGERY_CPU_RUNS and /,
  },
  {
    args: ["predict", "a.jpg", "--model", "m", "--masks", "png"],
    message: /Allowed choices are rle, polygon, none/,
  },
  { args: ["photos", "forget", "--name", " "], message: /value of '--name <text>' is empty/ },
  { args: ["forget", ""], message: /an argument is empty; is a variable of the shell not set\?/ },
  ...(
    [
      ["--models", "--recipe", "run", ".", ...model, "--models", "."],
      ["--dashboard-port", "--dashboard", "run", ".", ...model, "--dashboard-port", "1"],
      ["--settle", "--watch", "run", ".", ...model, "--settle", "1"],
      ["--masks", "--json", "predict", "a.jpg", "--model", "m", "--masks", "none"],
      ["--metrics-host", "--metrics-port", "status", "--metrics-host", "0.0.0.0"],
      ["--recipe", "--results", "status", "--recipe", "plants"],
      ["--queue-url", "--queue", "dashboard", "--queue-url", "redis://a"],
      ["--queue", "--queue-url", "doctor", "--queue", "photos"],
      ["--open", "--html", "compare", "a.db", "b.csv", "--open"],
    ] as const
  ).map(([given, needed, ...args]) => ({
    args,
    message: new RegExp(`option '${given}( <.*>)?' needs ${needed}\n`),
  })),
  ...(
    [
      ["--watch", "with --metrics-port", "status", "--metrics-port", "0", "--watch"],
      ["--model", "without --task", "worker", "--model", "detect=a.pt"],
      ["--max-pixels", "with --task", "worker", "--task", "a.ts", "--max-pixels", "9"],
      ["--samples", "with float16", ...float16, "--samples", "9"],
    ] as const
  ).map(([given, circumstance, ...args]) => ({
    args,
    message: new RegExp(`option '${given}( <.*>)?' has no meaning ${circumstance}\n`),
  })),
  {
    args: ["worker", "--task", "a.ts", "--model", "a=1", "--model", "a=2"],
    message: /Expected one value for `a`, got two\./,
  },
];

for (const { args, message } of mistakes) {
  test(`orangery ${args.join(" ")} is a mistake that is explained`, async () => {
    await using folder = await CliFolder.create();
    const { status, stdout, stderr } = await folder.run(...args);
    assert.match(stderr, /^orangery: /);
    assert.match(stderr, message);
    assert.match(stderr, /\(add "--help" for all options\)\n$/);
    assert.deepEqual([status, stdout], [2, ""]);
  });
}

for (const args of [["--help"], ["run", "--help"], ["help", "predict"]]) {
  test(`orangery ${args.join(" ")} shows examples and what the exit status means`, async () => {
    await using folder = await CliFolder.create();
    const { status, stdout, stderr } = await folder.run(...args);
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /Usage: orangery/);
    assert.match(stdout, /Examples:\n {2}\$ orangery/);
    assert.match(stdout, /Exit status:\n {2}0 /);
  });
}

test("a cache folder that nobody can make does not keep a command from its end", {
  skip: process.platform !== "linux" && "needs /proc",
  timeout: 60_000,
}, async () => {
  await using folder = await CliFolder.create();
  const place = { ORANGERY_CACHE: "/proc/orangery" };
  const { outcome } = folder.spawn(process.execPath, [mainFile, "--version"], place);
  const { status, stdout, stderr } = await outcome;
  assert.deepEqual([status, stderr], [0, ""]);
  assert.match(stdout, /^\d+\.\d+\.\d+/);
});

test("orangery alone shows the help and is a mistake", async () => {
  await using folder = await CliFolder.create();
  const { status, stdout, stderr } = await folder.run();
  assert.equal(status, 2);
  assert.match(stdout + stderr, /Usage: orangery/);
});

test("the version is the package's", async () => {
  await using folder = await CliFolder.create();
  const { status, stdout } = await folder.run("--version");
  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test("missing paths are all named before anything is made", async () => {
  await using folder = await CliFolder.create();
  const { status, stderr } = await folder.run("run", "here", "there", ...model);
  assert.equal(status, 1);
  assert.match(stderr, /cannot find .*here \(ENOENT\), .*there \(ENOENT\).*\[PHOTO_NOT_FOUND\]/);
  assert.deepEqual(folder.query("select 1"), []);
});

test("devices lists what works and what is missing, and adds nothing unasked", async () => {
  await using folder = await CliFolder.create();
  const none = join(folder.path, "none.so");
  const listed = await folder.run("devices", "--ep-library", "none.so");
  assert.deepEqual([listed.status, listed.stderr], [0, ""]);
  assert.match(listed.stdout, /^cpu$/m);
  assert.match(
    listed.stdout,
    /^not .*none\.so: Expected .*does not exist.*\[PROVIDER_NOT_FOUND\]$/m,
  );
  assert.match(listed.stdout, /^ONNX Runtime \d+\.\d+\.\d+, .*onnxruntime/m);

  const { stdout } = await folder.run("devices", "list", "--json", "--ep-library", "none.so");
  const { devices, pluginFailures } = JSON.parse(stdout);
  assert.deepEqual(devices[0], { device: "cpu", isUsable: true, missing: [] });
  assert.equal(pluginFailures[0].library, none);

  const removed = await folder.run("devices", "remove", "cuda");
  assert.deepEqual([removed.status, removed.stdout], [0, "There is no CUDA to remove\n"]);
});

test("CUDA is not fetched where nobody can be asked", {
  skip: `${process.platform}/${process.arch}` !== "linux/x64" && "no packages are known for it",
}, async () => {
  await using folder = await CliFolder.create();
  const { status, stdout, stderr } = await folder.run("devices", "add", "cuda");
  assert.equal(status, 2);
  assert.match(stdout, /onnxruntime-gpu \d.* MB\n[\s\S]* to fetch and .* to keep, in .*providers/);
  assert.equal(stdout.includes("This machine has no NVIDIA driver"), !hasNvidiaDriver());
  assert.match(stderr, /Expected --yes.*Nothing was fetched\. \[INVALID_ARGUMENT\]/);
  const other = ["--yes", "--index", "ftp://me:secret@mirror.example/simple"];
  const refused = await folder.run("devices", "add", "cuda", ...other);
  assert.match(refused.stderr, /Expected the address of a package index, .*mirror\.example/);
  assert.doesNotMatch(refused.stderr, /secret/);
});

test("a folder without photos is reported, and is no error where that is allowed", async () => {
  await using folder = await CliFolder.create();
  await mkdir(join(folder.path, "photos"));
  const args = ["run", "photos", "--allow-empty", ...model];
  const { status, stdout, stderr } = await folder.run(...args);
  assert.equal(status, 0);
  assert.match(stderr, /Found no photos\. They end in \.jpg, /);
  assert.match(stdout, /nothing was left to do/);
});

test("--quiet leaves standard error empty", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["a.png"]);
  const { status, stderr } = await folder.run("run", "a.png", "--detect", ...quickModel, "--quiet");
  assert.deepEqual([status, stderr], [0, ""]);
});

test("through npm's script paths are relative to where npm was called", async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["sub/a.png"]);
  const args = [mainFile, "predict", "a.png", "--model", ...quickModel];
  const env = {
    npm_package_name: "orangery",
    npm_lifecycle_event: "orangery",
    INIT_CWD: join(folder.path, "sub"),
  };
  const ours = await folder.spawn(process.execPath, args, env).outcome;
  assert.equal(ours.status, 0, ours.stderr);
  // In a script of another package the working directory is meant.
  const others = { ...env, npm_package_name: "theirs", npm_lifecycle_event: "count" };
  assert.equal((await folder.spawn(process.execPath, args, others).outcome).status, 3);
});

test("a Node that is too old is reported, with what to do", async () => {
  await using folder = await CliFolder.create();
  const old = `Object.defineProperty(process, "versions", { value: { node: "20.20.2" } })`;
  const args = ["--import", `data:text/javascript,${encodeURIComponent(old)}`, binFile, "--help"];
  const { status, stdout, stderr } = await folder.spawn(process.execPath, args).outcome;
  const needed = "orangery needs Node 24.16 or newer, but this is Node 20.20.2. ";
  assert.ok(stderr.startsWith(needed), stderr);
  assert.match(stderr, /^.*`npm install node@24`.* https:\/\/nodejs\.org\.\n$/);
  assert.deepEqual([status, stdout], [1, ""]);
});

test("on a terminal the progress is one line that is painted over", {
  skip: process.platform === "win32" && "needs script(1)",
}, async () => {
  await using folder = await CliFolder.create();
  await folder.writePhotos(["photos/a.png", "photos/b.png"]);
  // A terminal of a known size: there is none where tests run.
  const line = [
    "stty cols 100 rows 30;",
    process.execPath,
    mainFile,
    "run",
    "photos",
    "--detect",
    ...quickModel,
  ].join(" ");
  const { stdout } = await folder.spawn("script", ["-qec", line, "/dev/null"], {
    PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
  }).outcome;
  assert.match(stdout, /█.* 100 % {2}2\/2 photos/);
  assert.match(stdout, /Total of 2 photos/);
});

for (const args of [["--help"], ["predict", "a.png", "--model", "sample:seedlings", "--json"]]) {
  test(`a full disk behind the output of orangery ${args.join(" ")} is reported`, {
    skip: process.platform !== "linux" && "needs /dev/full",
  }, async () => {
    await using folder = await CliFolder.create();
    await folder.writePhotos(["a.png"]);
    const script = `"$0" "$@" > /dev/full`;
    const command = [process.execPath, mainFile, ...args];
    const { status, stderr } = await folder.spawn("sh", ["-c", script, ...command]).outcome;
    assert.match(stderr, /orangery: .*got ENOSPC from standard output.* \[NO_SPACE\]\n$/);
    assert.doesNotMatch(stderr, /should not have happened/);
    assert.equal(status, 1);
  });
}
