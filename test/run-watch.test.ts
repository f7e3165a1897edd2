/** `orangery run --watch` as a process: photos arrive, are half written, and their folder vanishes. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { appendFile, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { CliFolder, jsonLines, quickModel } from "./cli.fixture.ts";

const watch = ["--watch", "--settle", "0.1", "--watch-every", "0.1", "--json"];

test("photos are counted as they arrive, whatever happens to them and to their folder", async () => {
  await using folder = await CliFolder.create();
  const at = (name: string) => join(folder.path, name);
  await mkdir(at("in"));
  await folder.writePhotos(["a.jpg", "b.jpg", "c.jpg", "d.jpg"]);
  const running = folder.start("run", "in", "--detect", ...quickModel, ...watch);
  const until = (state: string, count: number) =>
    folder.until(
      running,
      `select state from entry where state = '${state}' group by state having count(*) = ${count}`,
    );

  const bytes = await readFile(at("a.jpg"));
  await folder.until(running, "select 1 from recipe");
  await writeFile(at("in/half.jpg"), bytes.subarray(0, 100));
  await until("failed", 1);
  await appendFile(at("in/half.jpg"), bytes.subarray(100));
  await until("done", 1);

  await writeFile(at("in/.b.jpg.Xa81Kd"), await readFile(at("b.jpg")));
  await rename(at("in/.b.jpg.Xa81Kd"), at("in/b.jpg"));
  await until("done", 2);
  await mkdir(at("in/sub"));
  await rename(at("c.jpg"), at("in/sub/c.jpg"));
  await until("done", 3);

  await rename(at("in"), at("away"));
  let errors = "";
  running.child.stderr!.on("data", (text) => {
    errors += text;
  });
  while (!errors.includes("in is away")) await once(running.child.stderr!, "data");
  await rename(at("d.jpg"), at("away/d.jpg"));
  await rename(at("away"), at("in"));
  await until("done", 4);

  running.child.kill("SIGTERM");
  const { status, stdout, stderr } = await running.outcome;
  assert.equal(status, 143, stderr);
  assert.match(stderr, /in is there again\./);
  assert.equal(stderr.match(/in is away/g)?.length, 1);
  const lines = jsonLines(stdout);
  assert.deepEqual(
    lines.map(({ type, image }) => [type, image && String(image).split("/").at(-1)]),
    [
      ["failed", "half.jpg"],
      ["photo", "half.jpg"],
      ...["b.jpg", "c.jpg", "d.jpg"].map((name) => ["photo", name]),
      ["summary", undefined],
    ],
  );
  const { photos, done, failed, left } = lines.at(-1) as Record<string, number>;
  assert.deepEqual({ photos, done, failed, left }, { photos: 4, done: 4, failed: 0, left: 0 });
});

test("what cannot be watched is refused with a code, before anything is made", async () => {
  await using folder = await CliFolder.create();
  await writeFile(join(folder.path, "list.txt"), "a.jpg\n");
  const run = ["run", "--detect", ...quickModel];
  const list = await folder.run(...run, "--watch", "--from-file", "list.txt");
  assert.equal(list.status, 2);
  assert.match(list.stderr, /got a list of photos.*\[INVALID_ARGUMENT\]/);
  const url = await folder.run(...run, "--watch", "https://example.org/a.jpg");
  assert.match(url.stderr, /got https:.*\[INVALID_ARGUMENT\]/);
  const alone = await folder.run(...run, ".", "--settle", "3");
  assert.equal(alone.status, 2);
  assert.match(alone.stderr, /'--settle <seconds>' needs --watch/);
  assert.deepEqual(folder.query("select 1 from recipe"), []);
});
