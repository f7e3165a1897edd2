/** The control room from the command line. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { after, before, describe, test } from "node:test";
import { exampleResult, recordPhotos } from "../src/results/recorded-photos.fixture.ts";
import { CliFolder, quickModel } from "./cli.fixture.ts";

describe("orangery dashboard", { timeout: 120_000 }, () => {
  let folder: CliFolder;

  before(async () => {
    folder = await CliFolder.create();
  });
  after(() => folder?.[Symbol.asyncDispose]());

  test("serves until it is interrupted, also while others record", async () => {
    const file = `${folder.path}/results.db`;
    await recordPhotos(file, [{ source: "/a.jpg", result: exampleResult({}) }]);
    const options = ["--port", "0", "--host-name", "room.example", "--read-only"];
    const { child, outcome } = folder.start("dashboard", "results.db", ...options);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let printed = "";
    child.stdout!.on("data", (part) => {
      printed += part;
      const [url] = /(?<=^Control room: )http:\/\/127\.0\.0\.1:\d+\/$/m.exec(printed) ?? [];
      if (url !== undefined) resolve(url);
    });
    void outcome.then(({ stderr }) => reject(new Error(`It ended: ${stderr}`)));
    const url = await promise;
    await recordPhotos(file, [{ source: "/b.jpg", result: exampleResult({}) }]);
    const signal = AbortSignal.timeout(30_000);
    const answer = await fetch(`${url}api/photos`, { signal });
    const { photos } = (await answer.json()) as { photos: { name: string }[] };
    assert.deepEqual(
      photos.map(({ name }) => name),
      ["a.jpg", "b.jpg"],
    );
    const body = JSON.stringify({ isPaused: true });
    const pause = await fetch(`${url}api/management/pause`, { method: "POST", body, signal });
    assert.deepEqual(
      [pause.status, await pause.json()],
      [403, { error: "This server shows results only." }],
    );
    assert.deepEqual(
      await Promise.all(["room.example", "other.example"].map(statusAs)),
      [200, 421],
    );
    child.kill("SIGINT");
    const { status, stderr } = await outcome;
    assert.deepEqual([status, stderr], [130, ""]);

    /** Under a name of the server that `fetch` would not take. */
    async function statusAs(host: string): Promise<number | undefined> {
      const [answer] = await once(get(`${url}api/setup`, { headers: { host } }), "response");
      answer.resume();
      return answer.statusCode;
    }
  });

  test("run --dashboard serves it until the run ends, and leaves nothing open", async () => {
    await folder.writePhotos(["photos/a.png"]);
    const { status, stderr } = await folder.run(
      ...["run", "photos", "--detect", ...quickModel, "--out", "run.db"],
      ...["--dashboard", "--dashboard-port", "0"],
    );
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^Control room: http:\/\/127\.0\.0\.1:\d+\/$/m);
  });

  test("refuses what is not there, and an address of others without a password", async () => {
    const missing = await folder.run("dashboard", "none.db", "--port", "0");
    assert.deepEqual([missing.status, /LEDGER_NOT_FOUND/.test(missing.stderr)], [1, true]);
    const open = await folder.run("dashboard", "results.db", "--port", "0", "--host", "0.0.0.0");
    assert.deepEqual([open.status, /ORANGERY_DASHBOARD_PASSWORD/.test(open.stderr)], [2, true]);
    const worker = await folder.run("worker", "--queue-url", "redis://127.0.0.1:1", "--dashboard");
    assert.deepEqual([worker.status, /add '--results'/.test(worker.stderr)], [2, true]);
  });
});
