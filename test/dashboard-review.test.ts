/** The review in a browser: every action by keyboard, by mouse and by touch; two people; outages. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { Dashboard } from "../src/dashboard/dashboard.ts";
import type { Ledger } from "../src/ledger/ledger.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { findBrowser } from "./browser.fixture.ts";
import { BrowserSession } from "./browser-session.fixture.ts";
import type { CliFolder } from "./cli.fixture.ts";
import {
  boxes,
  openSurvey,
  photoCount,
  Reviewer,
  recordSurvey,
  reviewOf,
  writeSurvey,
} from "./dashboard-review.fixture.ts";
import { openPostgres } from "./servers/postgres-server.ts";

const { command, missing } = findBrowser();
const widths = [1440, 768, 390];

describe("the review in a browser", { skip: missing, timeout: 300_000 }, () => {
  const stack = new AsyncDisposableStack();
  let folder: CliFolder;
  let ledger: Ledger;
  let browser: BrowserSession;
  let url: string;
  let ann: Reviewer;

  before(async () => {
    folder = stack.use(await writeSurvey());
    const changes = stack.use(await openSurvey(folder));
    ledger = stack.use(await openSurvey(folder, true));
    url = stack.use(await Dashboard.listen({ ledger, changes, port: 0 })).url;
    browser = stack.use(await BrowserSession.start(command!));
    ann = new Reviewer(browser, url, "Ann");
  });
  after(() => stack.disposeAsync());

  const kindsOf = async (photoId: number) =>
    (await reviewOf(ledger, photoId)).corrections.map(({ kind }) => kind);

  test("lists are chosen by a click, and say why a photo is on them", async () => {
    await browser.open(`${url}#review`, 1440);
    await browser.until("document.querySelectorAll('.kinds .draw').length === 4");
    const whys = [
      /By chance, number 1 of the sample/,
      /2 objects within 0\.1/,
      /40 objects, \d/,
      /1 warning/,
    ];
    for (const [i, why] of whys.entries()) {
      await browser.clickOn(`document.querySelectorAll(".draw button")[${i}]`);
      if (i === 0) {
        await browser.until("document.querySelector('dialog #person')");
        await browser.type("Ann");
        await browser.press("Enter");
      }
      await browser.until(`document.querySelectorAll(".kinds li")[${i}].matches(".chosen-list")`);
      await browser.until("document.querySelector('.queue li')");
      assert.match(await ann.text(".queue li"), why);
    }
    assert.match(await ann.text(".kinds li"), new RegExp(`0 of ${photoCount} photos reviewed`));
    await ann.clickText("Start");
    await ann.ready();
    assert.match(await ann.text(".why-here"), /by chance, number 1/);
    await ann.press("m");
    await browser.until("/at=2/.test(location.hash)");
    await ann.ready();
    for (const go of [
      { next: () => ann.press("n"), previous: () => ann.press("p") },
      { next: () => ann.clickText("Next"), previous: () => ann.clickText("Previous") },
    ]) {
      await go.next();
      await browser.until("/at=3/.test(location.hash)");
      await ann.ready();
      await go.previous();
      await browser.until("/at=2/.test(location.hash)");
      await ann.ready();
    }
    await ann.press("Escape");
    await browser.until("document.querySelector('.queue li')");
    assert.match(await ann.text(".kinds li"), new RegExp(`1 of ${photoCount} photos reviewed`));
    assert.match(await ann.text(".queue li"), /reviewed by Ann/);
  });

  test("every action is done by keyboard alone", async () => {
    await ann.open(2);
    await ann.press("j");
    assert.match(await ann.text(".chosen"), /plant, 1 of 4\D*score 0\.90, at 20, 40/);
    await ann.press("j", "x");
    assert.match(await ann.text(".chosen"), /weed, 2 of 4\D*removed/);
    assert.match(await ann.text(".total"), /^3 objects/);
    await ann.press("k", "2", "ArrowRight", "ArrowDown", "Shift+ArrowRight");
    await ann.press("a", "1", "ArrowLeft");
    await ann.press("r", "r", "x");
    await ann.saved();
    let { objects, rejectedRegions } = await reviewOf(ledger, 2);
    const [first, second, , , added] = objects;
    assert.deepEqual([first!.classId, second!.isRemoved], [1, true]);
    assert.deepEqual(first!.boxXyxy, [21, 41, 62, 81]);
    assert.equal(added!.classId, 0);
    assert.deepEqual([...rejectedRegions], [2]);
    // Back to what was found, step by step, and forth again.
    for (let i = 0; i < 8; i++) await ann.press(i % 2 ? "Ctrl+z" : "u");
    assert.equal(await browser.ask("document.querySelectorAll('.tools button')[3].disabled"), true);
    await ann.saved();
    ({ objects, rejectedRegions } = await reviewOf(ledger, 2));
    assert.deepEqual(objects[0]!.boxXyxy, boxes[0]);
    assert.deepEqual(
      objects.map(({ isRemoved, classId }) => [isRemoved, classId]),
      [
        [false, 0],
        [false, 1],
        [false, 0],
        [false, 1],
        [true, 0],
      ],
    );
    assert.equal(rejectedRegions.size, 0);
    for (let i = 0; i < 8; i++) await ann.press(["y", "Ctrl+y", "Ctrl+Shift+z"][i % 3]!);
    await ann.saved();
    ({ objects, rejectedRegions } = await reviewOf(ledger, 2));
    assert.deepEqual(objects[0]!.boxXyxy, [21, 41, 62, 81]);
    assert.deepEqual([objects[1]!.isRemoved, objects[4]!.isRemoved], [true, false]);
    assert.deepEqual([...rejectedRegions], [2]);
    await ann.press("Escape", "c");
    assert.equal(await browser.ask("document.activeElement.id"), "class");
    await browser.ask("document.querySelector('canvas').focus()");
    await ann.press("t", "k");
    assert.match(await ann.text(".chosen"), /plant, 6 of 6\D*not counted, score 0\.20/);
    await ann.press("x", "t");
    await ann.saved();
    const [lower] = (await reviewOf(ledger, 2)).objects.slice(-1);
    assert.deepEqual([lower!.boxXyxy, lower!.isRemoved], [[120, 200, 160, 240], false]);
    await ann.press("h", "h", "j", "z", "+", "-", "0", "b", "Escape", "Escape", "?");
    await browser.until("document.querySelector('dialog[open] .key-list')");
    await ann.press("Escape");
    await browser.until("!document.querySelector('dialog')");
    await ann.press("m");
    await browser.until("/Reviewed by Ann/.test(document.querySelector('.done').innerText)");
    assert.equal((await reviewOf(ledger, 2)).reviewed?.by, "Ann");
  });

  test("every action is done by mouse and by touch", async () => {
    await ann.open(3);
    await ann.drag([40, 60]);
    assert.match(await ann.text(".chosen"), /plant, 1 of 4/);
    await ann.drag([40, 60], [40, 160]);
    await ann.drag([60, 180], [100, 220]);
    await ann.clickText("Draw");
    await ann.drag([200, 200], [260, 280]);
    await ann.clickText("Draw");
    await browser.ask(`(() => { const select = document.querySelector("#class");
      select.value = "1"; select.dispatchEvent(new Event("change")); })()`);
    await ann.drag([240, 60]);
    await ann.clickText("Remove");
    await ann.clickText("Add");
    await ann.clickText("Undo");
    await ann.clickText("Redo");
    await ann.clickText("Hide");
    await ann.clickText("Hide");
    await ann.click(".chosen-head button:last-child");
    await ann.click(".chosen-head button:nth-child(2)");
    await ann.clickText("Not counted");
    await ann.clickText("Not counted");
    for (const child of [2, 3, 4]) await ann.click(`.zoom button:nth-child(${child})`);
    await browser.ask(`(() => { const select = document.querySelector("#order");
      select.value = "doubt"; select.dispatchEvent(new Event("change")); })()`);
    // Without single keys everywhere, a button in focus leaves them to the browser.
    await ann.click(".zoom button");
    await ann.click("dialog input");
    await ann.clickText("Close");
    await browser.ask("document.querySelector('.done .primary').focus()");
    await ann.press("k", "x");
    await ann.clickText("All keys");
    await ann.click("dialog input");
    await ann.clickText("Close");
    await ann.click(".region-list li:last-child button:last-child");
    await ann.saved();
    const { objects, rejectedRegions } = await reviewOf(ledger, 3);
    const near = (box: readonly number[], wanted: readonly number[]) =>
      assert.ok(
        box.every((px, i) => Math.abs(px - wanted[i]!) < 1),
        `${box} is not ${wanted}`,
      );
    near(objects[0]!.boxXyxy, [20, 140, 100, 220]);
    near(objects[4]!.boxXyxy, [200, 200, 260, 280]);
    assert.deepEqual([objects[4]!.classId, objects[2]!.isRemoved], [1, true]);
    assert.equal(objects.length, 6);
    assert.deepEqual([...rejectedRegions], [2]);

    const touch = async (type: string, ...points: (readonly [number, number])[]) => {
      const places = await Promise.all(points.map((point) => ann.place(point)));
      const touchPoints = places.map(([x, y], id) => ({ x, y, id }));
      await browser.send("Input.dispatchTouchEvent", { type, touchPoints });
    };
    await touch("touchStart", [340, 60]);
    await touch("touchEnd");
    await browser.until("/weed, \\d of/.test(document.querySelector('.chosen-title').innerText)");
    await touch("touchStart", [340, 60]);
    for (const y of [80, 100, 120]) await touch("touchMove", [340, y]);
    await touch("touchEnd");
    await ann.saved();
    near((await reviewOf(ledger, 3)).objects[3]!.boxXyxy, [320, 100, 360, 140]);
    // Two fingers zoom, and change nothing.
    const before = await kindsOf(3);
    await touch("touchStart", [340, 120]);
    await touch("touchStart", [340, 120], [100, 100]);
    await touch("touchMove", [380, 140], [60, 80]);
    await touch("touchEnd");
    await ann.clickText("Mark as reviewed");
    await browser.until("/Reviewed by Ann/.test(document.querySelector('.done').innerText)");
    assert.deepEqual(await kindsOf(3), [...before, "review"]);
    await ann.clickText("Not right after all");
    await browser.until("/Nobody has reviewed/.test(document.querySelector('.done').innerText)");
    assert.equal((await reviewOf(ledger, 3)).reviewed, undefined);
  });

  test("screens and dialogs fit every width, move nothing, and are accessible", async () => {
    const axe = await readFile(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");
    await browser.watchMoves();
    const opened = async (selector: string) =>
      await browser.until(`document.querySelector(${JSON.stringify(selector)})`);
    const screens: [string, () => Promise<void>][] = [
      ["#review", () => opened(".kinds li")],
      ["#review?list=1", () => opened(".queue li")],
      ["#review/2?list=1&at=1", () => ann.ready()],
    ];
    // Colours are the same at every width.
    for (const [scheme, shown] of [
      ["light", widths],
      ["dark", [1440]],
    ] as const) {
      const features = [{ name: "prefers-color-scheme", value: scheme }];
      await browser.send("Emulation.setEmulatedMedia", { features });
      for (const width of shown) {
        for (const [address, ready] of screens) {
          await browser.open(`${url}?${scheme}${width}${address}`, width);
          await ready();
          await browser.ask(`${axe}; true`);
          const isEditor = address.includes("at=");
          if (isEditor) await ann.press("j", "x", "?");
          assert.deepEqual(await faults(), [width, []], `${address} ${scheme} ${width}`);
          if (isEditor) {
            await ann.press("Escape", "x");
            await ann.saved();
            assert.deepEqual(await faults(), [width, []], `${address} ${scheme} ${width}`);
          }
          await browser.assertStill(`${address} at ${width} px`);
        }
      }
    }
    assert.deepEqual(browser.complaints, []);
  });

  const faults = () =>
    browser.ask<[number, string[]]>(`(async () => {
      const { violations } = await axe.run({ resultTypes: ["violations"] });
      return [document.documentElement.scrollWidth, violations
        .filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html.slice(0, 120)))];
    })()`);

  test("those who may only look see all of it, and change nothing", async () => {
    await using locked = await Dashboard.listen({ ledger, port: 0 });
    const viewer = new Reviewer(browser, locked.url, "Vera");
    await viewer.open("1?list=1&at=1");
    assert.equal(await viewer.text(".standing"), "You may look, not correct.");
    await viewer.press("j", "x", "a", "ArrowRight", "1", "m", "u");
    assert.match(await viewer.text(".total"), /^4 objects/);
    assert.equal(await browser.ask("document.querySelector('.done .primary').disabled"), true);
    await viewer.press("n");
    await browser.until("/at=2/.test(location.hash)");
    await viewer.ready();
    await browser.ask("location.hash = '#review'");
    await browser.until("document.querySelectorAll('.kinds li').length === 4");
    assert.equal(await browser.ask("document.querySelector('.draw')"), null);
    assert.deepEqual(browser.complaints, []);
    await browser.send("Page.navigate", { url: "about:blank" });
  });

  test("two people on one photo lose nothing, and settle what both changed", async () => {
    await using window = await browser.anotherWindow();
    const ben = new Reviewer(window, url, "Ben");
    await ann.open(4);
    await ben.open(4);
    await window.until(
      "/Ann is looking at this photo/.test(document.querySelector('.notices').innerText)",
    );
    // Each another thing: both are kept.
    await ann.press("j", "x");
    await ann.saved();
    await ben.press("j", "j", "ArrowRight");
    await ben.saved();
    // Whoever comes back to the window hears at once of what others did.
    await window.ask("dispatchEvent(new Event('focus'))");
    await window.until("/Ann removed plant/.test(document.querySelector('.notices').innerText)");
    let { objects } = await reviewOf(ledger, 4);
    assert.deepEqual([objects[0]!.isRemoved, objects[1]!.boxXyxy[0]], [true, 121]);
    // What Ann removed is no step of Ben's: he undoes his own.
    await ben.press("u", "y");
    assert.match(await ben.text(".chosen"), /weed, 2 of 4/);
    // Both the same things, before either knows of the other.
    await window.setOffline(true);
    await ben.press("Escape", "j", "j", "j", "1", "2", "j", "ArrowDown");
    await ann.press("Escape", "j", "j", "j", "x", "j", "x");
    await ann.saved();
    await window.setOffline(false);
    await window.until(
      "/^1 of 2: at 220, 40/.test(document.querySelector('.conflict')?.innerText)",
    );
    assert.match(await ben.text(".conflict"), /you made plant weed; Ann removed/);
    await ben.clickText("Keep mine");
    await ben.clickText("Take theirs");
    await ben.saved();
    ({ objects } = await reviewOf(ledger, 4));
    assert.deepEqual(
      objects.map(({ isRemoved, classId }) => [isRemoved, classId]),
      [
        [true, 0],
        [false, 1],
        [false, 1],
        [true, 1],
      ],
    );
    await ben.press("u");
    await ben.saved();
    ({ objects } = await reviewOf(ledger, 4));
    assert.deepEqual([objects[3]!.isRemoved, objects[3]!.boxXyxy[1]], [false, 41]);
    const lost = /ERR_INTERNET_DISCONNECTED/;
    assert.deepEqual(
      window.complaints.filter((text) => !lost.test(text)),
      [],
    );
  });

  test("on PostgreSQL a list is chosen, a photo corrected and marked, and all is estimated", async () => {
    await using postgres = await openPostgres();
    await using schema = await postgres.createSchema();
    await using changes = await openLedger(schema.url);
    await recordSurvey(folder, changes);
    await using reading = await openLedger(schema.url, { readOnly: true });
    await using room = await Dashboard.listen({ ledger: reading, changes, port: 0 });
    const eva = new Reviewer(browser, room.url, "Eva");
    await eva.open(1);
    await browser.ask("location.hash = '#review'");
    await browser.until("document.querySelector('.kinds .draw button')");
    await eva.click(".kinds .draw button");
    await eva.clickText("Start");
    await eva.ready();
    const id = Number(/#review\/(\d+)/.exec(await browser.ask("location.hash"))![1]);
    await eva.press("j", "x", "j", "ArrowRight");
    await eva.saved();
    await eva.press("m");
    await browser.until("/at=2/.test(location.hash)");
    const review = await reviewOf(reading, id);
    assert.deepEqual(review.corrections.map(({ kind }) => kind).sort(), [
      "move",
      "remove",
      "review",
    ]);
    await eva.ready();
    await eva.press("Escape");
    await browser.until(
      "/1 of 12 photos reviewed/.test(document.querySelector('.estimate')?.innerText)",
    );
    await browser.ask("location.hash = '#photos?order=most'");
    await browser.until(`document.querySelectorAll('.photos tbody tr').length === ${photoCount}`);
    await browser.ask(`location.hash = "#photo/${id}"`);
    await browser.until("document.querySelector('.layers')");
    assert.deepEqual(browser.complaints, []);
    await browser.send("Page.navigate", { url: "about:blank" });
  });

  test("what is changed while the server is dead is kept, and arrives when it is back", async () => {
    const start = async (port: string) => {
      const { child, outcome } = folder.start("dashboard", "results.db", "--port", port);
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      let printed = "";
      child.stdout!.on("data", (part) => {
        printed += part;
        const [address] = /http:\/\/127\.0\.0\.1:\d+\//.exec(printed) ?? [];
        if (address !== undefined) resolve(address);
      });
      void outcome.then(({ stderr }) => reject(new Error(`It ended: ${stderr}`)));
      return { child, outcome, address: await promise };
    };
    const first = await start("0");
    const { port } = new URL(first.address);
    const cai = new Reviewer(browser, first.address, "Cai");
    // It may have been the first of a list, and marked.
    const before = await kindsOf(5);
    await cai.open(5);
    await cai.press("j", "x");
    await cai.saved();
    await cai.press("j", "ArrowRight");
    first.child.kill("SIGKILL");
    await first.outcome;
    await cai.press("a");
    await browser.until(
      "/No connection: 2 changes kept in this browser/.test(document.querySelector('.standing').innerText)",
    );
    assert.deepEqual(await kindsOf(5), [...before, "remove"]);
    const second = await start(port);
    await cai.saved();
    assert.deepEqual((await kindsOf(5)).slice(before.length).sort(), ["add", "move", "remove"]);
    // Gone in the middle, and the window with it.
    second.child.kill("SIGKILL");
    await second.outcome;
    await cai.press("2");
    await browser.until("/1 change kept/.test(document.querySelector('.standing').innerText)");
    await browser.send("Page.navigate", { url: "about:blank" });
    const third = await start(port);
    await browser.open(`${first.address}#review`, 1440);
    await browser.until(
      "/1 photo has changes of yours/.test(document.querySelector('main').innerText)",
    );
    await cai.click(".notice a");
    await cai.ready();
    await cai.saved();
    assert.match(await cai.text(".notices"), /1 change of yours/);
    const { objects, corrections } = await reviewOf(ledger, 5);
    assert.equal(corrections.length, before.length + 4);
    assert.deepEqual([objects.length, objects[4]!.classId], [5, 1]);
    third.child.kill("SIGKILL");
    await third.outcome;
    await browser.send("Page.navigate", { url: "about:blank" });
  });
});
