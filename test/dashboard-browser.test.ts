/** The control room in a browser: what is shown, pressed and typed, at three widths. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Dashboard } from "../src/dashboard/dashboard.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import {
  exampleRegion,
  exampleResult,
  type RecordedPhoto,
  recordPhotos,
} from "../src/results/recorded-photos.fixture.ts";
import { findBrowser } from "./browser.fixture.ts";
import { BrowserSession } from "./browser-session.fixture.ts";
import { CliFolder } from "./cli.fixture.ts";

const { command, missing } = findBrowser();

/** A name that would do harm if it were taken for markup. */
const hostileName = "<img src=x onerror=document.title='hacked'>.jpg";
const names = ["plant", "a weed of a name that is long"];
const widths = [1440, 768, 390];
const photoCount = 70;

describe("the control room in a browser", { skip: missing, timeout: 240_000 }, () => {
  const stack = new AsyncDisposableStack();
  let folder: CliFolder;
  let browser: BrowserSession;
  let url: string;
  /** Of one that takes a password. */
  let locked: string;

  before(async () => {
    folder = stack.use(await CliFolder.create());
    const files = Array.from(
      { length: photoCount },
      (_, i) => `photos/${String(i).padStart(3, "0")}.jpg`,
    );
    await folder.writePhotos(files.slice(0, 4), { widthPx: 400, heightPx: 300 });
    const photos: RecordedPhoto[] = [
      {
        source: join(folder.path, "photos", hostileName),
        reason: { code: "PHOTO_UNREADABLE", message: "from https://u:pw@host/a.jpg?sig=secret" },
      },
    ];
    for (const [i, name] of files.entries()) {
      const source = join(folder.path, name);
      const contentSha256 = i < 4 ? hash("sha256", await readFile(source)) : undefined;
      photos.push({ source, ...(contentSha256 && { contentSha256 }), result: resultOf(i) });
    }
    photos.push({ source: join(folder.path, "photos/zz-waiting.jpg") });
    await recordPhotos(join(folder.path, "results.db"), photos);
    const ledger = stack.use(await openLedger(join(folder.path, "results.db"), { readOnly: true }));
    url = stack.use(await Dashboard.listen({ ledger, port: 0 })).url;
    locked = stack.use(await Dashboard.listen({ ledger, port: 0, viewerPassword: "leaf" })).url;
    browser = stack.use(await BrowserSession.start(command!));
  });
  after(() => stack.disposeAsync());

  const text = (selector: string) =>
    browser.ask<string>(`document.querySelector(${JSON.stringify(selector)})?.innerText`);
  const rowCount = "document.querySelectorAll('.photos tbody tr').length";
  const settled =
    "/that is all|shown|No photo/.test(document.querySelector('main > .quiet[role=status]')?.textContent)";
  const click = (selector: string) => browser.click(selector);
  /** Sets a control as a person does. */
  const set = (name: string, value: string) =>
    browser.ask(`(() => {
      const control = document.querySelector("[name=${name}]");
      control.value = ${JSON.stringify(value)};
      control.dispatchEvent(new Event("input", { bubbles: true }));
    })()`);

  test("every screen fits every width, moves nothing, complains of nothing and is accessible", async () => {
    const axe = await readFile(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");
    const screens = [
      ["#now", "document.querySelector('.newest .thumb') && document.querySelector('.stack')"],
      ["#photos", settled],
      ["#photo/2", "document.querySelector('.layers')"],
      ["#photo/1", "document.querySelector('.failure')"],
    ] as const;
    // A photo that was never written has no picture, which the browser notes.
    const known = /pictures\/\d+\/(?:thumb|view)/;
    await browser.watchMoves();
    for (const width of widths) {
      await browser.open(`${url}?${width}`, width);
      await browser.ask(`${axe}; true`);
      for (const [hashOf, ready] of screens) {
        await browser.ask(`location.hash = ${JSON.stringify(hashOf)}`);
        await browser.until(ready);
        const found = await browser.ask<[number, number, string[]]>(`(async () => {
          const { violations } = await axe.run({ resultTypes: ["violations"] });
          return [document.documentElement.scrollWidth, innerWidth, violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 120)))];
        })()`);
        assert.deepEqual(found, [width, width, []], `${hashOf} at ${width} px`);
        await browser.assertStill(`${hashOf} at ${width} px`);
      }
    }
    assert.deepEqual(
      browser.complaints.filter((line) => !known.test(line)),
      [],
    );
    assert.equal(await browser.ask("document.querySelector('img[src=x]')"), null);
    assert.notEqual(await browser.ask("document.title"), "hacked");
    const page = await browser.ask<string>("document.body.innerText");
    assert.match(page, /PHOTO_UNREADABLE/);
    assert.doesNotMatch(page, /secret|pw@/);
  });

  test("Now adds up, and shows a photo that is recorded meanwhile", async () => {
    await browser.open(`${url}?now`, 1440);
    await browser.until("/\\d/.test(document.querySelector('.tile:nth-child(4) b')?.textContent)");
    const tiles = await browser.ask<string[]>(
      "[...document.querySelectorAll('.tile b')].slice(0, 4).map((e) => e.textContent)",
    );
    const objects = Array.from({ length: photoCount }, (_, i) => 1 + (i % 12)).reduce(
      (a, b) => a + b,
    );
    assert.deepEqual(tiles, ["70", "1", "1", String(objects)]);
    assert.match(await text("#now-time + div p"), /^Finding objects takes longest/);
    const rate = () => text(".tile:nth-child(5) dd");
    assert.match(await rate(), /^[\d,.]+\s+photos a/);
    const source = join(folder.path, "photos/zz-late.jpg");
    await recordPhotos(join(folder.path, "results.db"), [
      { source: join(folder.path, "photos/zz-waiting.jpg"), result: resultOf(1) },
      { source, result: resultOf(2) },
    ]);
    await browser.until("document.querySelector('.newest').innerText.includes('zz-late.jpg')");
    await browser.until("document.querySelector('.tile b').textContent === '72'");
    assert.match(await rate(), /^–\s+nothing is left$/);
    await browser.assertStill("Now, with photos that came");
  });

  test("Now counts failures among what needs attention, and leads to them", async () => {
    await browser.open(`${url}?failed`, 390);
    await browser.until("document.querySelector('.tile.warning a')?.innerText === 'see below'");
    assert.match(await text(".attention summary"), /1 photo has failed\./);
    await click(".tile.warning a");
    assert.equal(await browser.ask("document.activeElement.id"), "now-failures");
    const top = await browser.ask<number>("document.activeElement.getBoundingClientRect().top");
    assert.ok(top < 900, `it is on the screen, at ${top}`);
    assert.equal(await browser.ask("location.hash"), "");
    await click(".attention a");
    await browser.until(`location.hash === "#photos?state=failed" && ${settled}`);
    assert.equal(await browser.ask(rowCount), 1);
  });

  test("a photo of Now has those of the newest results before and after it", async () => {
    await browser.open(`${url}?newest`, 1440);
    await browser.until("document.querySelectorAll('.newest a').length === 8");
    const names = await browser.ask<string[]>(
      "[...document.querySelectorAll('.newest b')].map((e) => e.innerText)",
    );
    await click(".newest li:nth-child(2) a");
    await browser.until("document.querySelector('.layers')");
    assert.match(await text(".keys"), /^Keys: n and p for the next and previous photo/);
    await browser.press("n");
    await browser.until(`document.querySelector('h1').innerText === ${JSON.stringify(names[2])}`);
    await browser.press("p");
    await browser.until(`document.querySelector('h1').innerText === ${JSON.stringify(names[1])}`);
    await browser.press("Escape");
    await browser.until(`location.hash === "#photos?order=newest" && ${settled}`);
    // Its result is not among the newest 60.
    await browser.open(`${url}?alone#photo/2`, 1440);
    await browser.until("document.querySelector('.layers')");
    assert.match(await text(".keys"), /^Keys: Esc for the list/);
    assert.ok(await browser.ask("document.querySelector('.steps button').disabled"));
  });

  test("a worker's card warns of another device only where one was asked for", async () => {
    await browser.open(`${url}?worker`, 390);
    const card = (machine: object) =>
      browser.ask<string[]>(`import("/assets/queue/worker-cards.js").then(({ workerCards }) => {
        const fallbackReason = "cuda:0: no driver";
        const model = { name: "detect", device: "cpu", precision: "float32", fallbackReason };
        const machine = { models: [model], gpus: [], loads: 2, loadsPer1000Tasks: 2000, tasks: 1 };
        const worker = { name: "cpu0", startedAt: "2026-12-01T00:00:00Z", active: 0, ended: 0,
          pid: 1, host: "host", processBytes: 1, gpuBytes: 0 };
        const [card] = workerCards([{
          ...worker,
          machine: Object.assign(machine, ${JSON.stringify(machine)}),
        }]);
        return [card.querySelector(".notice")?.textContent ?? "", card.textContent];
      })`);
    const [none, quiet] = await card({ wantedDevice: "auto" });
    assert.equal(none, "");
    assert.match(quiet!, /Not used: cuda:0: no driver.*Loads2Process/);
    const busy = { wantedDevice: "cuda:0", tasks: 400, loadsPer1000Tasks: 5 };
    const [warning, all] = await card(busy);
    assert.equal(warning, "Not on the device that was asked for: cuda:0: no driver");
    assert.match(all!, /Loads2, 5 for 1,000 tasks/);
  });

  test("photos are filtered, ordered, and come page by page", async () => {
    await browser.open(`${url}?photos#photos`, 768);
    await browser.until(`${settled} && ${rowCount} >= 60`);
    await click("main > button");
    await browser.until(`${settled} && ${rowCount} === 73`);
    await set("state", "failed");
    await browser.until(`${settled} && ${rowCount} === 1`);
    assert.match(await text(".photos tbody"), /failed/);
    await click("button[type=reset]");
    await browser.until(`${settled} && ${rowCount} >= 60`);
    await set("order", "most");
    await set("minCount", "12");
    await browser.until(`${settled} && ${rowCount} === 5`);
    await set("maxScore", "0.25");
    await browser.until(`${settled} && ${rowCount} === 5`);
    await set("maxScore", "0.2");
    await browser.until(`${settled} && ${rowCount} === 0`);
    await set("maxScore", "");
    await set("name", "ZZ-LATE");
    await set("minCount", "");
    await browser.until(`${settled} && ${rowCount} === 1`);
    assert.match(await browser.ask("location.hash"), /name=ZZ-LATE/);
    // The address leads to the same photos.
    await browser.ask("window.isOld = true; location.reload()");
    await browser.until(`!window.isOld && ${settled} && ${rowCount} === 1`);
    await set("name", "nowhere");
    await browser.until(`${settled} && ${rowCount} === 0`);
    assert.equal(await text("main > .quiet[role=status]"), "No photo fits.");
  });

  test("a photo is reached, stepped through and left by keyboard alone", async () => {
    await browser.open(`${url}?keys#photos?order=most`, 390);
    await browser.until(`${settled} && ${rowCount} >= 60`);
    const focused = "document.activeElement.closest('tbody') !== null";
    for (let i = 0; i < 30 && !(await browser.ask(focused)); i++) await browser.press("Tab");
    const first = await text(".photos tbody b");
    assert.equal(
      await browser.ask("getComputedStyle(document.activeElement).outlineStyle"),
      "solid",
    );
    await browser.press("Enter");
    await browser.until("document.querySelector('.layers')");
    assert.equal(await text("h1"), first);
    await browser.press("n");
    await browser.until(
      `document.querySelector('h1').innerText !== ${JSON.stringify(first)} && document.querySelector('.layers')`,
    );
    await browser.press("p");
    await browser.until(
      `document.querySelector('h1').innerText === ${JSON.stringify(first)} && document.querySelector('.layers')`,
    );
    await browser.press("Escape");
    await browser.until(`location.hash.startsWith('#photos') && ${settled}`);
    assert.match(await browser.ask("location.hash"), /order=most/);
  });

  test("a password lets in, a wrong one does not, and logging out ends it", async () => {
    await browser.open(locked, 390);
    await browser.until("document.activeElement?.id === 'password'");
    await browser.assertStill("the login");
    await browser.type("wrong");
    await browser.press("Enter");
    await browser.until("/password is wrong/.test(document.querySelector('#trouble').textContent)");
    await browser.ask("password.value = ''; password.focus()");
    await browser.type("leaf");
    await browser.press("Enter");
    await browser.until("document.querySelector('.tile')");
    assert.equal(await browser.ask("document.documentElement.scrollWidth"), 390);
    assert.equal(await browser.ask("document.cookie"), "");
    await click("#log-out");
    await browser.until("document.querySelector('#password')");
    assert.equal(new URL(await browser.ask("location.href")).pathname, "/login");
  });

  test("the slider counts what was recorded, and layers and zoom change the picture", async () => {
    // Two plants and two weeds, at 0.9, 0.84, 0.78 and 0.72.
    await browser.open(`${url}?photo#photos?name=003.jpg`, 1440);
    await browser.until(`${settled} && ${rowCount} === 1`);
    await click(".photos tbody a");
    await browser.until("document.querySelector('.layers')");
    const counts = () =>
      browser.ask<string[]>(
        "[...document.querySelectorAll('.total, .layers b, .panel td')].map((e) => e.innerText)",
      );
    assert.deepEqual(await counts(), ["4 objects", "2", "2", "1", "4"]);
    const slide = (value: string) =>
      browser.ask(`(() => { score.value = ${value}; score.dispatchEvent(new Event("input")); })()`);
    await slide("0.8");
    assert.deepEqual(await counts(), ["2 objects", "1", "1", "1", "2"]);
    await slide("0.85");
    assert.deepEqual(await counts(), ["1 object", "1", "0", "1", "1"]);
    await click(".slider button");
    assert.deepEqual(await counts(), ["4 objects", "2", "2", "1", "4"]);

    const pixels = () =>
      browser.ask<string>(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(document.querySelector('canvas').toDataURL()))))",
      );
    await browser.until("document.querySelector('canvas').dataset.picture === 'whole'");
    const pictures = [await pixels()];
    await click(".layers input");
    pictures.push(await pixels());
    await browser.ask("document.querySelector('canvas').focus()");
    await browser.press("+");
    pictures.push(await pixels());
    await browser.press("ArrowUp");
    pictures.push(await pixels());
    assert.deepEqual(
      pictures.map((picture) => pictures.indexOf(picture)),
      [0, 1, 2, 3],
    );
    await browser.press("0");
    assert.equal(await pixels(), pictures[1]);
  });
});

/** From 1 to 12 objects, plants and weeds in turn, in one region. */
function resultOf(i: number) {
  const objects = Array.from({ length: 1 + (i % 12) }, (_, j) => ({
    classId: j % 2,
    score: 0.9 - 0.06 * j,
    boxXyxy: [10 + 20 * j, 20, 26 + 20 * j, 44] as const,
    region: 1,
  }));
  const regions = [exampleRegion(1, [400, 300], (x, y) => x < 380 && y > 10 && y < 200)];
  return exampleResult({ sizeWh: [400, 300], names, objects, regions });
}
