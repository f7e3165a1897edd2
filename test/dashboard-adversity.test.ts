/** The control room's page where servers go and come, answers are late, and names are hostile. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Dashboard } from "../src/dashboard/dashboard.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { createRecipe } from "../src/ledger/recipe.ts";
import { readCountTotals } from "../src/ledger/results/read-counts.ts";
import { correctPhoto } from "../src/ledger/review/correct-photo.ts";
import { drawReviewList } from "../src/ledger/review/draw-list.ts";
import {
  exampleDetections,
  exampleRecipe,
  exampleResult,
  type RecordedPhoto,
  recordPhotos,
} from "../src/results/recorded-photos.fixture.ts";
import { findBrowser } from "./browser.fixture.ts";
import { BrowserSession } from "./browser-session.fixture.ts";
import { CliFolder } from "./cli.fixture.ts";

const { command, missing } = findBrowser();

const manyNames = Array.from({ length: 40 }, (_, i) => `class ${i}`);
const longName = `long ${"name ".repeat(30)}`;
/** Shows what follows it from right to left, in which 12 is 21. */
const turned = "\u202eturned";

describe("the control room in adversity", { skip: missing, timeout: 240_000 }, () => {
  const stack = new AsyncDisposableStack();
  let folder: CliFolder;
  let browser: BrowserSession;

  before(async () => {
    folder = stack.use(await CliFolder.create());
    await recordPhotos(join(folder.path, "many.db"), [
      photo("a-one", [turned, longName], [0]),
      photo("b-some", [turned, longName], [...Array(12).fill(0), 1]),
      photo("c-many", manyNames, [...Array(40).keys(), 30, 30, 31]),
    ]);
    browser = stack.use(await BrowserSession.start(command!));
  });
  after(() => stack.disposeAsync());

  const file = (name: string) => join(folder.path, name);
  const text = (selector: string) =>
    browser.ask<string>(`document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`);
  /** Serves a results file, at a port where it was served before. */
  async function serve(name: string, { port = 0, canChange = false } = {}) {
    await using opened = new AsyncDisposableStack();
    const ledger = opened.use(await openLedger(file(name), { readOnly: true }));
    const changes = canChange ? opened.use(await openLedger(file(name))) : undefined;
    const { url } = opened.use(await Dashboard.listen({ ledger, changes, port }));
    const ending = opened.move();
    const end = () => ending.disposeAsync();
    return { url, port: Number(new URL(url).port), [Symbol.asyncDispose]: end };
  }

  test("durations, shares and rates are written as people say them", async () => {
    await using server = await serve("many.db");
    await browser.open(server.url, 390);
    const written = await browser.ask<string[]>(`import("/assets/format.js").then((format) => [
      ...[30_000, 119.7 * 60_000, 179.6 * 60_000, 47.999 * 3_600_000].map(format.roughly),
      ...[0, 0.004, 0.5, 0.995, 0.99999, 1].map(format.percent),
      ...[1.01, 1 / 60, 20 / 3600, 1.5].map((rate) => format.rate(rate).join(" ")),
    ])`);
    assert.deepEqual(written, [
      ...["30 s", "2 h 0 min", "3 h 0 min", "2 days 0 h"],
      ...["0 %", "<1 %", "50 %", ">99 %", ">99 %", "100 %"],
      ...["1 photo a second", "1 photo a minute", "20 photos an hour", "1.5 photos a second"],
    ]);
    await recordPhotos(file("waiting.db"), [{ source: "/photos/waiting.jpg" }]);
    await using waiting = await serve("waiting.db");
    await browser.open(waiting.url, 390);
    await browser.until("document.querySelector('.attention summary')");
    assert.match(await text(".attention summary"), /^1 photo waits, and no result has come yet/);
  });

  test("the skip link leads to the contents, which a reload shows again", async () => {
    await using server = await serve("many.db");
    await browser.open(`${server.url}#photos`, 1440);
    await browser.until("document.querySelectorAll('.photos tbody tr').length === 3");
    await browser.ask("document.querySelector('.skip').focus()");
    await browser.press("Enter");
    assert.equal(await browser.ask("document.activeElement.id"), "main");
    await browser.ask("window.isOld = true; location.reload()");
    await browser.until(
      "!window.isOld && document.querySelectorAll('.photos tbody tr').length === 3",
    );
  });

  test("results are awaited across a restart, and links lead nowhere until then", async () => {
    await (await openLedger(file("empty.db")))[Symbol.asyncDispose]();
    const { port, url } = await (async () => {
      await using server = await serve("empty.db");
      await browser.open(server.url, 1440);
      await browser.until("document.querySelector('h1')?.innerText === 'No results yet'");
      browser.complaints.length = 0;
      await browser.ask("location.hash = '#photos'");
      assert.equal(await text("h1"), "No results yet");
      assert.deepEqual(browser.complaints, []);
      return server;
    })();
    await browser.until("document.querySelector('#live').innerText.startsWith('Connection lost')");
    await recordPhotos(file("empty.db"), [photo("first", ["plant"], [0])]);
    await using server = await serve("empty.db", { port });
    assert.equal(server.url, url);
    await browser.until("document.querySelectorAll('.photos tbody tr').length === 1");
  });

  test("a screen that a server did not answer says so, and tries again", async () => {
    const { port } = await (async () => {
      await using server = await serve("many.db");
      await browser.open(`${server.url}#photos`, 1440);
      await browser.until("document.querySelectorAll('.photos tbody tr').length === 3");
      return server;
    })();
    await browser.ask("location.hash = '#photos?order=most'");
    await browser.until("document.querySelector('main > button')?.innerText === 'Try again'");
    await browser.ask("location.hash = '#photo/1'");
    await browser.until("document.querySelector('main .notice')");
    assert.equal(await text("main .notice"), "The server does not answer.");
    await using _ = await serve("many.db", { port });
    await browser.click(".notice + button");
    await browser.until("document.querySelector('.layers')");
    await browser.ask("history.back()");
    await browser.until("document.querySelectorAll('.photos tbody tr').length === 3");
  });

  test("numbers beside names of classes stay as they are, and rows stay in their places", async () => {
    await using server = await serve("many.db");
    for (const width of [1440, 768, 390]) {
      await browser.open(`${server.url}?${width}#photos`, width);
      await browser.until("document.querySelectorAll('.photos tbody tr').length === 3");
      const cells = await browser.ask<string[]>(
        "[...document.querySelectorAll('.photos td:nth-child(4)')].map((e) => e.innerText)",
      );
      assert.match(cells[2]!, /^class 30 3\s+class 31 2\s+class 0 1.*and 33 other classes$/s);
      // The digits of 12 stand from left to right, and in no other cell.
      const [one, two, outside] = await browser.ask<[number, number, number]>(`(() => {
        const [, row] = document.querySelectorAll(".photos tbody tr");
        const count = row.querySelector(".count:last-of-type");
        const digits = [1, 2].map((i) => {
          const range = new Range();
          range.setStart(count.lastChild, i);
          range.setEnd(count.lastChild, i + 1);
          return range.getBoundingClientRect().left;
        });
        const cell = row.querySelector("td:nth-child(4)").getBoundingClientRect();
        const ends = [...row.querySelectorAll(".count")].map((e) => e.getBoundingClientRect().right);
        return [...digits, Math.max(...ends) - cell.right];
      })()`);
      assert.ok(one < two, `at ${width} px the digits are at ${one} and ${two}`);
      assert.ok(outside <= 0, `at ${width} px names are ${outside} px outside of their cell`);
    }
    const units = await browser.ask<string[]>(
      "[...document.querySelectorAll('td[data-unit]')].map((e) => e.dataset.unit)",
    );
    assert.deepEqual(units, ["object", "objects", "objects"]);
    // The class that is asked for is among those shown.
    await browser.open(`${server.url}?class#photos?class=class+39&minCount=1`, 1440);
    await browser.until("document.querySelectorAll('.photos tbody tr').length === 1");
    assert.match(await text(".photos td:nth-child(4)"), /^class 39 1/);
  });

  test("a class of which nothing was found is counted in the review once there is one", async () => {
    await recordPhotos(file("few.db"), [photo("few", manyNames, [0])]);
    await using server = await serve("few.db", { canChange: true });
    await browser.open(server.url, 1440);
    await browser.ask("localStorage.setItem('orangery-person', 'Ada')");
    await browser.ask("location.hash = '#review/1'");
    await browser.until("document.querySelector('.chosen-title')?.innerText === '1 object'");
    const rows = () =>
      browser.ask<string[]>(
        "[...document.querySelectorAll('.review-panel tbody tr:not([hidden])')].map((e) => e.innerText)",
      );
    assert.equal((await rows()).length, 12);
    await browser.ask(
      "(() => { const e = document.getElementById('class'); e.value = 30; e.dispatchEvent(new Event('change')); })()",
    );
    await browser.ask("document.querySelector('canvas').focus()");
    await browser.press("a");
    await browser.until("/^2 objects/.test(document.querySelector('.total').innerText)");
    assert.match((await rows()).at(-1)!, /^class 30\s+0\s+1$/);
    await browser.until("document.querySelector('.standing').innerText === 'All is saved.'");
    await browser.press("u");
    await browser.until("/^1 object\\b/.test(document.querySelector('.total').innerText)");
    assert.equal((await rows()).length, 12);
  });

  test("the slider counts as a question does, also beside rounded scores", async () => {
    const boxXyxy = [1, 1, 20, 20] as const;
    const counted = [0.840004, 0.84, 0.3].map((score) => ({ score, boxXyxy }));
    const uncounted = [0.200004, 0.2].map((score) => ({ score, boxXyxy }));
    const result = {
      ...exampleResult({ objects: counted }),
      uncounted: { objects: exampleDetections(["plant"], uncounted) },
    };
    const detect = { sha256: "ab".repeat(32), confidence: 0.25 };
    const recipe = createRecipe({ job: "count", version: 1, detect, recordFrom: 0.1 });
    await recordPhotos(file("exact.db"), [{ source: "/photos/exact.jpg", result }], recipe);
    await using server = await serve("exact.db");
    await browser.open(`${server.url}#photo/1`, 1440);
    await browser.until("document.querySelector('.layers')");
    await using ledger = await openLedger(file("exact.db"), { readOnly: true });
    for (const [minScore, count] of [
      [0.84, 1],
      [0.3, 2],
      [0.2, 4],
    ] as const) {
      await browser.ask(
        `(() => { score.value = ${minScore}; score.dispatchEvent(new Event("input")); })()`,
      );
      const question = { minScore };
      const asked = await readCountTotals(ledger, { recipeHash: recipe.hash, question });
      assert.deepEqual([asked.objectCount, parseInt(await text(".total"), 10)], [count, count]);
    }
  });

  test("a photo under review that is loaded again is not held against its own reviewer", async () => {
    await recordPhotos(file("held.db"), [photo("held", ["plant"], [0])]);
    await using server = await serve("held.db", { canChange: true });
    await browser.open(server.url, 1440);
    await browser.ask("localStorage.setItem('orangery-person', 'Ada')");
    await browser.ask("location.hash = '#review/1'");
    const isHeld =
      "performance.getEntriesByType('resource').some((e) => /hold/.test(e.name) && e.responseEnd > 0)";
    await browser.until(`${isHeld} && document.querySelector('.review-panel .chosen')`);
    await browser.ask("window.isOld = true; location.reload()");
    await browser.until(`!window.isOld && ${isHeld}`);
    await browser.until("document.querySelector('.standing').innerText === 'All is saved.'");
    assert.doesNotMatch(await text("main"), /in another window/);
  });

  test("where all photos are reviewed, no more are asked for", async () => {
    await recordPhotos(file("all.db"), [photo("all", ["plant"], [0, 0])]);
    {
      await using ledger = await openLedger(file("all.db"));
      const list = { recipeId: 1, kind: "sample", size: 1, by: "Ada" } as const;
      await drawReviewList(ledger, list);
      const corrections = [{ id: randomUUID(), kind: "review" }] as const;
      await correctPhoto(ledger, { recipeId: 1, photoId: 1, version: 0, by: "Ada", corrections });
    }
    await using server = await serve("all.db");
    await browser.open(`${server.url}#review?list=1`, 1440);
    await browser.until("document.querySelector('.estimate')");
    assert.equal(await text(".estimate > .quiet"), "1 of 1 photo reviewed.");
    assert.match(await text(".estimate-tiles"), /Corrected\s+2\s+2 to 2, 95 %/);
    await folder.run("report", "all.db", "--quiet");
    const report = await readFile(file("all.html"), "utf8");
    assert.match(report, /People reviewed 1 photo/);
    assert.doesNotMatch(report, /There are intervals of totals from/);
  });

  test("a dialog has all keys, gives the focus back, and closes with its screen", async () => {
    await using server = await serve("many.db", { canChange: true });
    await browser.open(server.url, 1440);
    await browser.ask("localStorage.setItem('orangery-person', 'Ada')");
    await browser.ask("location.hash = '#photos'");
    await browser.until("document.querySelectorAll('.photos tbody tr').length === 3");
    const focused = () => browser.ask<string>("document.activeElement.dataset.change");
    const isEnabled = "!document.querySelector('[data-change=exclude]').disabled";
    const ask = async (change: string) => {
      await browser.ask(`document.querySelector("[data-change=${change}]").focus()`);
      await browser.press("Enter");
      await browser.until("document.querySelector('dialog[open]')");
    };
    // Of one that asks, and of one that says that there is nothing to do.
    for (const [change, key] of [
      ["exclude", "Escape"],
      ["retry", "Enter"],
    ] as const) {
      await ask(change);
      await browser.press(key);
      await browser.until(isEnabled);
      assert.equal(await focused(), change);
    }
    await browser.click(".photos tbody tr:nth-child(2) a");
    await browser.until("document.querySelector('.layers')");
    const hash = await browser.ask("location.hash");
    await ask("exclude");
    await browser.press("n");
    await browser.press("Escape");
    await browser.until(isEnabled);
    assert.equal(await browser.ask("location.hash"), hash);
    assert.equal(await focused(), "exclude");
    await ask("exclude");
    await browser.ask("history.back()");
    await browser.until("document.querySelectorAll('.photos tbody tr').length === 3");
    assert.equal(await browser.ask("document.querySelector('dialog')"), null);
  });

  test("what is drawn again keeps the focus", async () => {
    await using server = await serve("many.db");
    await browser.open(server.url, 1440);
    const focused = await browser.ask<string[]>(`import("/assets/dom.js").then(({ h, redraw }) => {
      const list = h("div");
      document.body.append(list);
      const show = (names) => redraw(list, names, () => names.map((name) => h("button", null, name)));
      const seen = () => document.activeElement.innerText;
      show(["a", "b", "c"]);
      list.children[1].focus();
      // It moves, goes, and is one of two that look the same.
      return [["x", "a", "b"], ["x", "a", "d"], ["d", "e", "d"]].map((names) => {
        show(names);
        return seen() + [...list.children].indexOf(document.activeElement);
      });
    })`);
    assert.deepEqual(focused, ["b2", "d2", "d2"]);
  });

  test("a recipe that a run begins meanwhile can be chosen, and what is shown stays", async () => {
    await recordPhotos(file("grow.db"), [photo("a", ["plant"], [0])]);
    await using server = await serve("grow.db");
    await browser.open(server.url, 1440);
    await browser.until("document.querySelector('.tile')");
    const options = "document.querySelectorAll('#recipe option').length";
    assert.equal(await browser.ask(options), 1);
    const other = createRecipe({ ...JSON.parse(exampleRecipe.json), version: 3 });
    await recordPhotos(file("grow.db"), [photo("b", ["plant"], [0, 0])], other);
    await browser.until(`${options} === 2`);
    const select = "document.getElementById('recipe')";
    assert.equal(await browser.ask(`${select}.value`), exampleRecipe.hash);
    assert.equal(await browser.ask(`${select}.checkVisibility()`), true);
    await browser.ask(
      `${select}.value = "${other.hash}"; ${select}.dispatchEvent(new Event("change"))`,
    );
    await browser.until("document.querySelector('.newest')?.innerText.includes('b.jpg')");
    await browser.ask("location.hash = '#compare'");
    await browser.until("document.querySelector('[name=with]')?.options.length === 1");
  });

  test("of a comparison, late answers to an earlier question are left out", async () => {
    const other = createRecipe({ ...JSON.parse(exampleRecipe.json), version: 2 });
    await recordPhotos(file("pair.db"), [photo("a", ["plant", "weed"], [0, 0, 1])]);
    await recordPhotos(file("pair.db"), [photo("a", ["plant", "weed"], [1])], other);
    await using server = await serve("pair.db");
    await browser.open(`${server.url}#compare`, 1440);
    await browser.until("document.querySelectorAll('.differing li').length === 1");
    await browser.until("document.querySelector('[name=class]').options.length === 3");
    const shown = await browser.ask<string[]>(`(async () => {
      const select = document.querySelector("[name=class]");
      const fetched = window.fetch;
      const held = [];
      window.fetch = async (...asked) => {
        const answer = await fetched(...asked);
        await new Promise((resolve) => held.push(resolve));
        return answer;
      };
      const choose = (value) => {
        select.value = value;
        select.dispatchEvent(new Event("change", { bubbles: true }));
      };
      for (const value of ["plant", "weed", "plant"]) choose(value);
      while (held.length < 3) await new Promise((resolve) => setTimeout(resolve));
      for (const release of held) release();
      while (/Looking/.test(document.querySelector("section > .quiet[role=status]").innerText))
        await new Promise((resolve) => setTimeout(resolve));
      window.fetch = fetched;
      return [...document.querySelectorAll(".differing .counts")].map((e) => e.innerText);
    })()`);
    assert.deepEqual(shown, ["2 → 0"]);
  });
});

/** A photo with an object of each of these classes. */
function photo(name: string, names: readonly string[], classIds: readonly number[]): RecordedPhoto {
  const boxXyxy = [1, 1, 20, 20] as const;
  const objects = classIds.map((classId) => ({ classId, boxXyxy }));
  return { source: `/photos/${name}.jpg`, result: exampleResult({ names, objects }) };
}
