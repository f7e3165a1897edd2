/** The report page in a browser: its script, and what a style alone decides. */
import assert from "node:assert/strict";
import { hash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import type { PhotoResult } from "../src/ledger/results/result-rows.ts";
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

/** A name that would do harm if it were taken for markup, script or style. */
const hostileName = `"><script>document.title='hacked'</script>.jpg`;
const longName = `a-name-without-any-break-${"x".repeat(150)}.jpg`;

describe("the report in a browser", { skip: missing }, () => {
  let folder: CliFolder;
  let page: string;
  let browser: BrowserSession;

  before(async () => {
    folder = await CliFolder.create();
    const photos: RecordedPhoto[] = [
      {
        source: join(folder.path, "photos", hostileName),
        reason: { code: "PHOTO_UNREADABLE", message: `It is ${"very ".repeat(30)}broken.` },
      },
    ];
    const add = async (name: string, result: PhotoResult) => {
      const source = join(folder.path, "photos", name);
      const contentSha256 = hash("sha256", await readFile(source));
      photos.push({ source, contentSha256, result });
    };
    const names = ["plant", "a weed of a name that is long", "stone"];

    // A portrait with regions that begin at one height, and more labels than there is room for.
    await folder.writePhotos([join("photos", longName)], { widthPx: 160, heightPx: 320 });
    const regions = Array.from({ length: 14 }, (_, i) =>
      exampleRegion(1 + i, [160, 320], (x, y) => y >= 30 && x >= i && x < 160 - i),
    );
    const objects = Array.from({ length: 9 }, (_, i) => ({
      score: 0.9 - i / 20,
      boxXyxy: [20 + i, 100, 50 + i, 130] as const,
      region: 1,
    }));
    await add(longName, exampleResult({ sizeWh: [160, 320], names, objects, regions }));

    const others = Array.from({ length: 13 }, (_, i) => `b${1 + i}.jpg`);
    await folder.writePhotos(
      others.map((name) => join("photos", name)),
      { widthPx: 120, heightPx: 90 },
    );
    for (const [i, name] of others.entries()) {
      const objects = Array.from({ length: 1 + i }, (_, j) => ({
        classId: j % 3,
        score: 0.3 + i / 40,
        boxXyxy: [9, 9, 60, 60] as const,
        region: 1,
      }));
      const regions = [exampleRegion(1, [120, 90], (x) => x < 80)];
      await add(name, exampleResult({ sizeWh: [120, 90], names, objects, regions }));
    }
    await recordPhotos(join(folder.path, "results.db"), photos);
    const { status, stderr } = await folder.run("report", "results.db", "--quiet");
    assert.equal(status, 0, stderr);
    page = await readFile(join(folder.path, "results.html"), "utf8");
    browser = await BrowserSession.start(command!);
  });
  after(async () => {
    await browser?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  /** In a window of that width, or the least that Chromium has on a desktop. */
  const open = (name: string, widthPx: number) =>
    browser.open(pathToFileURL(join(folder.path, name)).href, Math.max(500, widthPx));

  /** Returns what the body of a function returns on the page. */
  const ask = async (script: string, widthPx = 1440) => {
    await open("results.html", widthPx);
    return await browser.ask(`(() => {${script}})()`);
  };

  /** The page when its scripts have run, and what the browser wrote to its console. */
  const browse = async (name: string) => {
    await open(name, 1440);
    const dom = await browser.ask<string>("document.documentElement.outerHTML");
    return { dom, complaints: browser.complaints.splice(0) };
  };

  test("its script runs under its own policy, and no other does", async () => {
    const { dom, complaints } = await browse("results.html");
    assert.deepEqual(complaints, []);
    assert.match(dom, /<th scope="col" class="number"><button type="button">Objects<\/button>/);
    assert.doesNotMatch(dom, /<fieldset class="toggles" hidden/);
    assert.doesNotMatch(dom, /<title>hacked/);
    const script = "<script>document.title='hacked'</script></body>";
    await writeFile(join(folder.path, "injected.html"), page.replace("</body>", script));
    const injected = await browse("injected.html");
    assert.doesNotMatch(injected.dom, /<title>hacked/);
    assert.equal(injected.complaints.length, 1);
  });

  test("pictures open large, step, hide layers and close; tables sort", async () => {
    const facts = await ask(`
      const facts = [];
      const viewer = document.getElementById("viewer");
      document.querySelector("a.shot").click();
      facts.push(viewer.open, viewer.querySelectorAll(".stage svg .object").length);
      const shown = (selector) =>
        getComputedStyle(viewer.querySelector(".stage " + selector)).display !== "none";
      facts.push(shown(".objects"), shown(".object-label"));
      viewer.querySelector("[data-layer=objects]").click();
      facts.push(shown(".objects"), shown(".object-label"), shown(".region-label"));
      viewer.querySelector("[data-do=next]").click();
      facts.push(viewer.querySelector("#viewer-place").textContent);
      viewer.querySelector("[data-do=zoom]").click();
      facts.push(viewer.querySelector(".stage").className);
      viewer.querySelector("[data-do=close]").click();
      facts.push(viewer.open);
      const sortable = document.querySelector("#counts .sortable");
      const firstCount = () => sortable.tBodies[0].rows[0].cells[1].textContent;
      const button = sortable.querySelectorAll("th button")[1];
      button.click();
      facts.push(firstCount());
      button.click();
      facts.push(firstCount());
      return facts;`);
    assert.deepEqual(facts, [
      ...[true, 1, true, true, false, false, true, "2 of 14", "stage zoomed", false],
      ...["13", "1"],
    ]);
  });

  test("zooming shows the middle, or where it was clicked", async () => {
    const facts = await ask(`
      document.querySelector("a.shot").click();
      const stage = document.querySelector(".stage");
      const seen = () => {
        const [frame, window] = [stage.firstElementChild, stage].map((e) => e.getBoundingClientRect());
        const x = (window.x + stage.clientWidth / 2 - frame.x) / frame.width;
        const y = (window.y + stage.clientHeight / 2 - frame.y) / frame.height;
        return [x, y].map((share) => Math.round(share * 100));
      };
      const facts = [seen()];
      document.querySelector("[data-do=zoom]").click();
      facts.push(seen());
      document.querySelector("[data-do=zoom]").click();
      const { x, y, width, height } = stage.firstElementChild.getBoundingClientRect();
      const place = { clientX: x + 0.3 * width, clientY: y + 0.7 * height, bubbles: true };
      stage.querySelector("img").dispatchEvent(new MouseEvent("click", place));
      facts.push(seen(), stage.scrollWidth > stage.clientWidth);
      return facts;`);
    // The portrait fits into the window across, so that only its height is moved.
    assert.deepEqual(facts, [[50, 50], [50, 50], [50, 70], false]);
  });

  test("no label covers another, on a card or large", async () => {
    const facts = await ask(`
      const overlaps = (root) => {
        const boxes = [...root.querySelectorAll("text")]
          .map((text) => text.getBoundingClientRect())
          .filter(({ width }) => width > 0);
        const pairs = boxes.flatMap((a, i) => boxes.slice(i + 1).map((b) => [a, b]));
        const apart = 1;
        return [boxes.length > 2, pairs.filter(([a, b]) =>
          a.left + apart < b.right && b.left + apart < a.right &&
          // Letters are lower than their lines.
          a.top + a.height / 4 < b.bottom - b.height / 4 && b.top + b.height / 4 < a.bottom - a.height / 4).length];
      };
      const facts = [overlaps(document.querySelector("a.shot"))];
      document.querySelector("a.shot").click();
      facts.push(overlaps(document.querySelector(".stage")));
      return facts;`);
    assert.deepEqual(facts, [
      [true, 0],
      [true, 0],
    ]);
  });

  test("the numbers at its head stand side by side, and labels of charts apart", async () => {
    for (const widthPx of [360, 768, 1440]) {
      await browser.open(pathToFileURL(join(folder.path, "results.html")).href, widthPx);
      const [lines, covered] = await browser.ask<[number[], string[]]>(`(() => {
        const lines = [...document.querySelectorAll(".tile dt")].map((e) =>
          Math.round(e.clientHeight / parseFloat(getComputedStyle(e).lineHeight)));
        const covered = [...document.querySelectorAll(".plot svg")].flatMap((plot) =>
          [...plot.querySelectorAll(".tick")].filter((tick) =>
            tick.previousElementSibling?.matches(".tick") &&
            tick.getBoundingClientRect().left <
              tick.previousElementSibling.getBoundingClientRect().right + 2));
        return [lines, covered.map((e) => e.textContent)];
      })()`);
      assert.ok(lines.length >= 5);
      assert.deepEqual([new Set(lines), covered], [new Set([1]), []], `at ${widthPx} px`);
    }
  });

  test("paper is light, also where the screen is dark", async () => {
    const coloursOf = async (media: string, scheme: string) => {
      const features = [{ name: "prefers-color-scheme", value: scheme }];
      await browser.send("Emulation.setEmulatedMedia", { media, features });
      return await ask(`
        const { color, backgroundColor } = getComputedStyle(document.body);
        return [color, backgroundColor, getComputedStyle(document.querySelector(".tile b")).color];`);
    };
    const paper = await coloursOf("print", "light");
    assert.deepEqual(await coloursOf("print", "dark"), paper);
    assert.notDeepEqual(await coloursOf("screen", "dark"), paper);
    await browser.send("Emulation.setEmulatedMedia", { media: "", features: [] });
  });

  for (const widthPx of [375, 768, 1440]) {
    test(`a window of ${widthPx} px has room for long names and for fingers`, async () => {
      const facts = await ask(
        `
        document.documentElement.style.width = "${widthPx}px";
        document.body.style.width = "${widthPx}px";
        const name = (element) => element.outerHTML.slice(0, 60);
        const wide = [...document.querySelectorAll("main *")].filter((element) =>
          !element.closest("#counts .scroll, #folders .scroll, .unseen, svg") &&
          element.getBoundingClientRect().right > ${widthPx} + 1);
        document.querySelector("a.shot").click();
        const pressed = "nav.jump a, summary, th button, .toggles label, dialog button";
        const low = [...document.querySelectorAll(pressed)].filter((element) =>
          innerWidth <= 560 && element.checkVisibility() &&
          element.getBoundingClientRect().height < 40);
        const linesOf = (element) =>
          Math.round(element.clientHeight / parseFloat(getComputedStyle(element).lineHeight));
        const shown = document.getElementById("viewer-name");
        const close = document.querySelector("[data-do=close]").getBoundingClientRect();
        return {
          wide: wide.map(name),
          low: low.map(name),
          lines: [document.querySelector(".card h3 bdi"), shown].map(linesOf),
          hasWholeName: shown.title.endsWith("${longName}"),
          closesAtCorner: innerWidth - close.right < 24 && close.top < 40,
          hasLowHeader: document.querySelector("#viewer header").clientHeight < 140,
        };`,
        widthPx,
      );
      assert.deepEqual(facts, {
        ...{ wide: [], low: [], lines: [2, 2], hasWholeName: true },
        ...{ closesAtCorner: true, hasLowHeader: true },
      });
    });
  }
});
