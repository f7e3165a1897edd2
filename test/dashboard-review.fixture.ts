/** A survey of small photos with known objects, served, and a browser that reviews it. */
import { hash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Ledger } from "../src/ledger/ledger.ts";
import { openLedger } from "../src/ledger/open-ledger.ts";
import { ResultStore } from "../src/ledger/results/result-store.ts";
import { type PhotoReview, readPhotoReview } from "../src/ledger/review/read-review.ts";
import {
  exampleDetections,
  exampleRecipe,
  exampleRegion,
  exampleResult,
  recordPhotos,
} from "../src/results/recorded-photos.fixture.ts";
import type { BrowserSession } from "./browser-session.fixture.ts";
import { CliFolder } from "./cli.fixture.ts";

export const sizeWh = [400, 300] as const;
/** In reading order: `p0` to `p3`. The last is near the threshold of 0.25. */
export const boxes = [
  [20, 40, 60, 80],
  [120, 40, 160, 80],
  [220, 40, 260, 80],
  [320, 40, 360, 80],
] as const;
export const photoCount = 12;

/** Photos of a plant, a weed, a plant and a weed, in the first of two regions; one of many. */
export async function writeSurvey(): Promise<CliFolder> {
  const folder = await CliFolder.create();
  await recordPhotos(join(folder.path, "results.db"), await writePhotos(folder));
  return folder;
}

/** The same, recorded in a database as workers of a fleet do. */
export async function recordSurvey(folder: CliFolder, ledger: Ledger): Promise<void> {
  const store = await ResultStore.open(ledger, exampleRecipe);
  for (const photo of await writePhotos(folder)) {
    await store.record([{ ...photo, sizeBytes: 1, mtimeUs: 1 }]);
  }
}

async function writePhotos(folder: CliFolder) {
  const names = Array.from(
    { length: photoCount },
    (_, i) => `photos/${String(i + 1).padStart(2, "0")}.png`,
  );
  await folder.writePhotos(names, { widthPx: sizeWh[0], heightPx: sizeWh[1] });
  const regions = [
    exampleRegion(1, sizeWh, (_, y) => y < 150),
    exampleRegion(2, sizeWh, (_, y) => y >= 150),
  ];
  const scores = [0.9, 0.8, 0.7, 0.3];
  const objects = boxes.map((boxXyxy, i) => {
    return { classId: i % 2, score: scores[i]!, boxXyxy, region: 1 };
  });
  const uncounted = {
    objects: exampleDetections(["plant", "weed"], [{ score: 0.2, boxXyxy: [120, 200, 160, 240] }]),
    objectRegions: Int32Array.of(2),
  };
  const photos = names.map(async (name, i) => {
    const source = join(folder.path, name);
    const isUnusual = i === photoCount - 1;
    const found = isUnusual ? Array.from({ length: 40 }, () => objects[0]!) : objects;
    const result = exampleResult({ sizeWh, names: ["plant", "weed"], objects: found, regions });
    return {
      source,
      contentSha256: hash("sha256", await readFile(source)),
      result: { ...result, uncounted, ...(i === 0 && { warnings: ["no-contrast"] as const }) },
    };
  });
  return await Promise.all(photos);
}

/** What the ledger has of a photo. */
export async function reviewOf(ledger: Ledger, photoId: number): Promise<PhotoReview> {
  return await readPhotoReview(ledger, { recipeId: 1, photoId });
}

export async function openSurvey(folder: CliFolder, readOnly = false): Promise<Ledger> {
  return await openLedger(join(folder.path, "results.db"), { readOnly });
}

/** A person at a window with a photo under review. */
export class Reviewer {
  readonly browser: BrowserSession;
  readonly url: string;
  readonly name: string;

  constructor(browser: BrowserSession, url: string, name: string) {
    this.browser = browser;
    this.url = url;
    this.name = name;
  }

  /** Opens a photo of the survey. */
  async open(photo: number | string): Promise<void> {
    await this.browser.open(`${this.url}?${Math.random()}#now`, 1440);
    await this.browser.until("document.querySelector('.tiles')");
    await this.browser.ask(`localStorage.setItem("orangery-person", ${JSON.stringify(this.name)})`);
    await this.browser.ask(`location.hash = "#review/${photo}"`);
    await this.ready();
  }

  async ready(): Promise<void> {
    await this.browser.until("document.querySelector('.review-panel .chosen')");
    await this.browser.until("document.querySelector('canvas')?.dataset.picture === 'whole'");
  }

  async press(...keys: readonly string[]): Promise<void> {
    for (const key of keys) await this.browser.press(key);
  }

  async click(selector: string): Promise<void> {
    await this.browser.click(selector);
  }

  /** Clicks the first button of a text. */
  async clickText(text: string): Promise<void> {
    await this.browser.clickOn(this.#buttonOf(text));
  }

  async text(selector: string): Promise<string> {
    return await this.browser.ask(
      `document.querySelector(${JSON.stringify(selector)})?.innerText ?? ""`,
    );
  }

  async saved(): Promise<void> {
    await this.browser.until("document.querySelector('.standing').innerText === 'All is saved.'");
  }

  /** Where a point of the photo is in the window, as long as all of the photo is seen. */
  async place([x, y]: readonly [number, number]): Promise<[number, number]> {
    return await this.browser.ask(`(() => {
      const { left, top, width, height } = document.querySelector("canvas").getBoundingClientRect();
      const scale = Math.min(width / ${sizeWh[0]}, height / ${sizeWh[1]});
      return [left + (width - scale * ${sizeWh[0]}) / 2 + scale * ${x},
        top + (height - scale * ${sizeWh[1]}) / 2 + scale * ${y}];
    })()`);
  }

  /** Drags from a point of the photo to another, or clicks. */
  async drag(from: readonly [number, number], to?: readonly [number, number]): Promise<void> {
    const start = await this.place(from);
    await this.browser.drag(start, to && (await this.place(to)));
  }

  #buttonOf(text: string): string {
    return `[...document.querySelectorAll("button")].find((button) =>
      !button.disabled && button.innerText.startsWith(${JSON.stringify(text)}))`;
  }
}
