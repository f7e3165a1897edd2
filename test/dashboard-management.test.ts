/** The control room in a browser: photos put right, two recipes compared, a queue directed. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Dashboard } from "../src/dashboard/dashboard.ts";
import { QueueRoom } from "../src/dashboard/queue/queue-room.ts";
import { FleetQueues } from "../src/fleet/recipes/fleet-queues.ts";
import { createWorker } from "../src/fleet/worker/create-worker.ts";
import { readActions } from "../src/ledger/actions/action-log.ts";
import { readPause } from "../src/ledger/actions/pause-recipe.ts";
import { readStates } from "../src/ledger/browse/progress.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { createRecipe } from "../src/ledger/recipe.ts";
import { silentLogger } from "../src/logger.ts";
import { exampleResult, recordPhotos } from "../src/results/recorded-photos.fixture.ts";
import { findBrowser } from "./browser.fixture.ts";
import { BrowserSession } from "./browser-session.fixture.ts";
import { CliFolder } from "./cli.fixture.ts";
import { GivenTask, TestQueue } from "./fleet.fixture.ts";
import { openRedis } from "./servers/redis-server.ts";

const { command, missing } = findBrowser();
const newRecipe = createRecipe({ job: "count", detect: { sha256: "ef".repeat(32) } });
const photoCount = 6;

describe("people put right what is wrong in a browser", { skip: missing, timeout: 240_000 }, () => {
  const stack = new AsyncDisposableStack();
  let browser: BrowserSession;
  let ledger: Ledger;
  let url: string;
  let readOnly: string;
  let queue: TestQueue;
  const recycled: string[] = [];

  before(async () => {
    const folder = stack.use(await CliFolder.create());
    const names = Array.from({ length: photoCount }, (_, i) => `photos/${i}.png`);
    await folder.writePhotos(names, { widthPx: 400, heightPx: 300 });
    const file = join(folder.path, "results.db");
    const contents = await Promise.all(
      names.map(async (name) => ({
        source: join(folder.path, name),
        contentSha256: hash("sha256", await readFile(join(folder.path, name))),
      })),
    );
    const failed = { code: "PHOTO_UNREADABLE", message: "Expected a photo" };
    await recordPhotos(file, [
      ...contents.map((photo) => ({ ...photo, result: resultOf(2) })),
      { source: join(folder.path, "photos/bad.png"), reason: failed },
      {
        source: join(folder.path, "photos/gone.png"),
        reason: { ...failed, code: "PHOTO_NOT_FOUND" },
      },
      { source: join(folder.path, "photos/waits.png") },
    ]);
    // One photo more on each than on the one before.
    const counted = contents.map((photo, i) => ({ ...photo, result: resultOf(2 + i) }));
    await recordPhotos(file, counted, newRecipe);
    ledger = stack.use(await openLedger(file, { readOnly: true }));
    const changes = stack.use(await openLedger(file));
    const redis = stack.use(await openRedis());
    queue = stack.use(new TestQueue(redis.url));
    const { name, connection } = queue;
    const task = new GivenTask(({ fails }: { fails: boolean }) => {
      if (fails) throw new Error("MODEL_LOAD_FAILED: no memory");
    });
    for (const fails of [false, true, true]) await queue.add({ fails });
    const supervision = { earlierProcesses: 2, recycle: () => recycled.push("asked") };
    const options = { connection, queue: name, attempts: 1, name: "cpu0@host", supervision };
    stack.use(createWorker(task, options));
    const fleet = stack.use(await FleetQueues.open({ connection, queue: name }));
    const room = new QueueRoom(fleet, silentLogger);
    const shown = { ledger, port: 0 };
    const source = { name, room, canChange: true };
    url = stack.use(await Dashboard.listen({ ...shown, changes, queue: source })).url;
    const looked = { ...shown, queue: { ...source, canChange: false } };
    readOnly = stack.use(await Dashboard.listen(looked)).url;
    browser = stack.use(await BrowserSession.start(command!));
  });
  after(() => stack.disposeAsync());

  const text = (selector: string) =>
    browser.ask<string>(`document.querySelector(${JSON.stringify(selector)})?.innerText`);
  const click = (selector: string) => browser.click(selector);
  const until = (selector: string, pattern = /./) =>
    browser.until(
      `${pattern}.test(document.querySelector(${JSON.stringify(selector)})?.textContent ?? "")`,
    );
  const rows = "document.querySelectorAll('.photos tbody tr').length";
  /** Clicks, confirms what is asked, and returns what it was. */
  const confirm = async (selector: string) => {
    await click(selector);
    await browser.until("document.querySelector('dialog[open] h2')");
    const question = await text("dialog[open] h2");
    await browser.press("Enter");
    await browser.until("!document.querySelector('dialog')");
    return question;
  };
  const states = async () => {
    const { waiting, done, failed, excluded } = await readStates(ledger, 1);
    return [waiting, done, failed, excluded];
  };
  /** The older recipe has the photos that failed. */
  const chooseFirst = async () => {
    await browser.until("document.querySelector('#recipe').options.length > 1");
    await browser.ask(`(() => { const all = document.querySelector("#recipe");
      all.value = [...all.options].map(({ value }) => value)[0];
      all.dispatchEvent(new Event("change")); })()`);
  };

  test("screens fit every width, move nothing, complain of nothing and are accessible", async () => {
    const axe = await readFile(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");
    await browser.watchMoves();
    const screens = [
      [
        "#compare",
        "document.querySelector('.summary table') && document.querySelector('.differing li')",
      ],
      [
        "#compare/2",
        "[...document.querySelectorAll('.twins canvas')].filter((c) => c.dataset.picture).length === 2",
      ],
      ["#queue", "document.querySelector('.worker') && document.querySelector('.jobs li')"],
      ["#photos", `${rows} === ${photoCount}`],
      ["#log", "document.querySelector('main .quiet')"],
    ] as const;
    for (const width of [1440, 768, 390]) {
      for (const [address, ready] of screens) {
        await browser.open(`${url}?${width}${address}`, width);
        await browser.until(ready);
        await browser.ask(`${axe}; true`);
        const found = await browser.ask<object>(`(async () => {
          const { violations } = await axe.run({ resultTypes: ["violations"] });
          return {
            fits: document.documentElement.scrollWidth <= innerWidth,
            violations: violations
              .filter(({ impact }) => impact === "serious" || impact === "critical")
              .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 120))),
          };
        })()`);
        assert.deepEqual(found, { fits: true, violations: [] }, `${address} at ${width} px`);
        await browser.assertStill(`${address} at ${width} px`);
      }
    }
    assert.deepEqual(browser.complaints, []);
  });

  test("photos are retried, excluded, included and forgotten, each confirmed with its number", async () => {
    await browser.open(`${url}?management#photos`, 1440);
    await browser.until(`${rows} === ${photoCount}`);
    await chooseFirst();
    await browser.until(`${rows} === ${photoCount + 3}`);
    // The first time, it asks who does it.
    await click("[data-change=retry]");
    await browser.until("document.activeElement?.id === 'person'");
    await browser.type("Anna");
    await browser.press("Enter");
    await until("dialog[open] h2", /Retry/);
    assert.equal(await text("dialog[open] h2"), "Retry 2 photos?");
    await click("dialog[open] button:not(.primary)");
    assert.deepEqual(await states(), [1, photoCount, 2, 0], "nothing without a yes");

    for (const i of [0, 1]) await browser.clickOn(`document.querySelectorAll(".pick input")[${i}]`);
    assert.equal(await confirm("[data-change=exclude]"), "Exclude 2 photos?");
    await until(".management [role=status]", /2 photos excluded/);
    assert.deepEqual(await states(), [1, photoCount - 2, 2, 2]);
    await browser.until(`${rows} === ${photoCount + 3}`);
    assert.equal(await confirm("[data-change=include]"), "Include 2 photos?");
    await until(".management [role=status]", /included again/);
    assert.deepEqual(await states(), [1, photoCount, 2, 0]);

    await browser.open(`${url}?code#now`, 1440);
    await chooseFirst();
    await until("#now-failures + div a");
    await browser.clickOn(`[...document.querySelectorAll("#now-failures + div a")]
      .find(({ href }) => href.includes("PHOTO_NOT_FOUND"))`);
    await browser.until(`${rows} === 1`);
    assert.equal(await confirm("[data-change=retry]"), "Retry 1 photo?");
    await until(".management [role=status]", /will be tried again/);
    assert.deepEqual(await states(), [2, photoCount, 1, 0]);
    await click("[data-change=include]");
    await until("dialog[open] h2", /Nothing to do/);
    await browser.press("Escape");

    await browser.ask("location.hash = '#photo/7'");
    await until("h1", /bad\.png/);
    await until("[data-change=forget]");
    await confirm("[data-change=forget]");
    await browser.until("location.hash.startsWith('#photos')");
    assert.deepEqual(await states(), [2, photoCount, 0, 0]);
  });

  test("runs are paused and go on; the log has who did what", async () => {
    await browser.open(`${url}?pause#now`, 390);
    await chooseFirst();
    await until("#pause", /Pause/);
    assert.equal(await confirm("#pause"), "Pause with 2 photos waiting?");
    await until(".pause[data-state=paused]", /Anna paused this recipe/);
    assert.equal((await readPause(ledger, 1))?.person, "Anna");
    await confirm("#pause");
    await until("#pause", /Pause/);
    assert.equal(await readPause(ledger, 1), undefined);
    await browser.ask("location.hash = '#log'");
    await until(".log li");
    const lines = await browser.ask<string[]>(
      "[...document.querySelectorAll('.log li b')].map((e) => e.parentElement.firstChild.textContent + e.nextSibling.textContent)",
    );
    assert.deepEqual(lines, [
      "Anna resumed runs",
      "Anna paused runs",
      "Anna forgot 1 photo",
      "Anna retried 1 photo",
      "Anna included 2 photos again",
      "Anna excluded 2 photos",
    ]);
  });

  test("two recipes are compared, and a photo is seen under both, moved together", async () => {
    await browser.open(`${url}?compare#compare`, 1440);
    await until(".differing li");
    await until(".summary table", /plant/);
    // Five photos differ, by 1 to 5.
    const differences = await browser.ask<string[]>(
      "[...document.querySelectorAll('.differing .by')].map((e) => e.textContent)",
    );
    assert.deepEqual(differences, ["+5", "+4", "+3", "+2", "+1"]);
    const tiles = await browser.ask<string[]>(
      "[...document.querySelectorAll('.tile b')].map((e) => e.textContent)",
    );
    assert.deepEqual(tiles, ["6", "12", "27", "1", "5", "2.5"]);
    await click(".recipes summary");
    assert.match(await text(".recipes table"), /detect\.sha256/);
    await click(".differing a");
    const drawn = "[...document.querySelectorAll('.twins canvas')]";
    await browser.until(`${drawn}.filter((c) => c.dataset.picture).length === 2`);
    assert.match(await text(".only.o1"), /5 only here/);
    assert.match(await text(".both"), /Show the 2 objects/);
    const pixels = () =>
      browser.ask<string[]>(`new Promise((done) => requestAnimationFrame(() =>
        requestAnimationFrame(() => done(${drawn}.map((c) => c.toDataURL())))))`);
    const before = await pixels();
    await browser.ask(`${drawn}[0].focus()`);
    await browser.press("+");
    const zoomed = await pixels();
    assert.ok(
      before.every((picture, i) => picture !== zoomed[i]),
      "both are zoomed",
    );
    await click(".both input");
    assert.notDeepEqual(await pixels(), zoomed);
    const name = await text("h1");
    await browser.press("n");
    await browser.until(`document.querySelector("h1").innerText !== ${JSON.stringify(name)}`);
    await browser.press("Escape");
    await until(".differing li");
  });

  test("a queue's jobs and workers are shown, directed and managed", async () => {
    await browser.open(`${url}?queue#queue`, 1440);
    await until(".worker[data-worker='cpu0@host']", /replaced 2 times/);
    await browser.until("document.querySelectorAll('.jobs li').length === 2");
    await until("#queue-failures + div", /2 jobs · MODEL_LOAD_FAILED/);
    await confirm("[data-request=recycle]");
    await browser.until("!document.querySelector('dialog')");
    await confirm("[data-request=drain]");
    await until(".worker[data-state=drained]", /Resume/);
    assert.deepEqual(recycled, ["asked"]);
    await click("#queue-failures + div button");
    await browser.until("document.querySelector('[name=job-code]').value === 'MODEL_LOAD_FAILED'");
    await browser.until("document.querySelectorAll('.jobs li').length === 2");
    await click(".jobs input");
    assert.equal(await confirm("[data-job-change=retry]"), "Retry 1 job?");
    const status = "#queue-jobs + div [role=status]";
    await until(status, /Retry: 1 job/);
    assert.deepEqual(await queue.queue.getJobCounts("waiting", "failed"), {
      waiting: 1,
      failed: 1,
    });
    assert.equal(await confirm("[data-job-change=drop]"), "Drop 1 job?");
    await until(status, /Drop: 1 job/);
    await browser.ask(`for (const name of ["code", "state"])
      document.querySelector("[name=job-" + name + "]").value = ""; true`);
    assert.equal(await confirm("[data-job-change=move-first]"), "Move first 1 job?");
    await until(status, /Move first: 1 job/);
    await confirm("main .pause button");
    await until("main .pause button", /Resume/);
    assert.equal(await queue.queue.isPaused(), true);
    await confirm("main .pause button");
    await until("main .pause button", /Pause/);
    assert.equal(await queue.queue.isPaused(), false);
    await confirm("[data-request=resume]");
    await browser.until("document.querySelector('.worker[data-state=idle]')");
    const kinds = (await readActions(ledger, { limit: 8 })).map(({ kind }) => kind);
    assert.deepEqual(kinds, [
      ...(["resume-worker", "resume-queue", "pause-queue", "move-jobs-first"] as const),
      ...(["drop-jobs", "retry-jobs", "drain-worker", "recycle-worker"] as const),
    ]);
  });

  test("without the right nothing can be changed, and nothing offers it", async () => {
    for (const address of ["#photos", "#queue", "#now", "#photo/2"]) {
      await browser.open(`${readOnly}?${address.slice(1)}${address}`, 1440);
      await until("h1", /Photos|Queue|Now|png/);
      await browser.until("document.querySelector('.tile, .photos tbody tr, .layers')");
      const offers = "[data-change], [data-request], [data-job-change], #pause, .pick input";
      assert.equal(await browser.ask(`document.querySelectorAll("${offers}").length`), 0, address);
    }
    for (const path of [
      "management/photos",
      "management/pause",
      "queue/jobs",
      "queue/pause",
      "queue/worker",
    ]) {
      const answer = await browser.ask<number>(`fetch("/api/${path}", { method: "POST",
        headers: { "content-type": "application/json" },
        body: '{"by":"x","change":"forget","ids":[1]}' }).then(({ status }) => status)`);
      assert.equal(answer, 403, path);
    }
  });
});

/** Plants in a row. */
function resultOf(count: number) {
  const objects = Array.from({ length: count }, (_, j) => ({
    score: 0.9 - 0.05 * j,
    boxXyxy: [10 + 40 * j, 20, 40 + 40 * j, 60] as const,
  }));
  return exampleResult({ sizeWh: [400, 300], objects });
}
