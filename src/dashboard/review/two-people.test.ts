/** What the page keeps of a photo's corrections, against the ledger that takes them. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import type { Ledger } from "../../ledger/ledger.ts";
import { openLedger } from "../../ledger/open-ledger.ts";
import { correctPhoto, type NewCorrection } from "../../ledger/review/correct-photo.ts";
import { readPhotoReview } from "../../ledger/review/read-review.ts";
import {
  exampleRegion,
  exampleResult,
  recordPhotos,
} from "../../results/recorded-photos.fixture.ts";
import { seededRandom } from "../../results/review/seeded-random.ts";
import { viewReview } from "./view-review.ts";

interface Value {
  readonly classId?: number;
  readonly boxXyxy?: readonly number[];
  readonly isRemoved: boolean;
}

interface Thing {
  readonly key: string;
  readonly kind: string;
  saved: Value;
  mine: Value;
}

/** As the page's module has it. */
interface Edits {
  readonly things: Map<string, Thing>;
  readonly conflicts: Map<string, unknown>;
  readonly unsent: Thing[];
  readonly unsavedCount: number;
  merge(list: unknown[]): void;
  saved(key: string, value: Value): void;
  change(key: string, value: Value): void;
  add(key: string, value: Value): void;
  undo(): string | undefined;
  redo(): string | undefined;
  settle(key: string, isMine: boolean): void;
}

const moduleOf = async (name: string) =>
  await import(new URL(`../page/review/edits/${name}.js`, import.meta.url).href);
const { Edits: PageEdits } = await moduleOf("edits");
const correctionsOf: (thing: Thing) => NewCorrection[] = (await moduleOf("corrections"))
  .correctionsOf;
const { thingsOf } = await moduleOf("things");

const photo = { recipeId: 1, photoId: 1 };
const boxes = Array.from({ length: 6 }, (_, i) => [10 * i, 5, 10 * i + 8, 20] as const);
const regions = [exampleRegion(1, [100, 80], () => true)];
const found = {
  objects: boxes.map((boxXyxy) => {
    return { classId: 0, score: 0.5, boxXyxy: [...boxXyxy], region: 1, counts: true };
  }),
  regions: [{ number: 1, title: "bed 1" }],
};

/** A person's page: what it shows, and the version that it knows. */
class Page {
  readonly edits: Edits = new PageEdits({ onChange() {} });
  readonly #ledger: Ledger;
  readonly #by: string;
  #version = 0;

  constructor(ledger: Ledger, by: string) {
    this.#ledger = ledger;
    this.#by = by;
  }

  async look(): Promise<void> {
    this.#take(await readPhotoReview(this.#ledger, photo));
  }

  /** Sends once, as the page does; `isLost` is whether the answer does not arrive. */
  async send(isLost: boolean): Promise<void> {
    const things = this.edits.unsent.map(({ key, mine }) => ({ key, mine }));
    const corrections = this.edits.unsent.flatMap(correctionsOf);
    if (corrections.length === 0) return;
    const request = { ...photo, version: this.#version, by: this.#by, corrections };
    try {
      // Sent again as it was.
      if (isLost) await correctPhoto(this.#ledger, request);
      const review = await correctPhoto(this.#ledger, request);
      for (const { key, mine } of things) this.edits.saved(key, mine);
      this.#take(review);
    } catch (error) {
      if (!isOrangeryError(error, "REVIEW_CONFLICT")) throw error;
      await this.look();
    }
  }

  #take(review: Awaited<ReturnType<typeof readPhotoReview>>): void {
    this.#version = review.version;
    this.edits.merge(thingsOf(found, viewReview(review)));
  }
}

describe("the corrections that a page keeps", () => {
  test("are all there in the end, whoever made them, in whatever order they arrive", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-two-"));
    for (let seed = 1; seed <= 8; seed++) {
      const file = join(folder.path, `${seed}.db`);
      const objects = boxes.map((boxXyxy) => ({ score: 0.5, boxXyxy, region: 1 }));
      const names = ["plant", "weed"];
      const result = exampleResult({ names, objects, regions });
      await recordPhotos(file, [{ source: "/a.jpg", result }]);
      await using ledger = await openLedger(file);
      await act(ledger, seededRandom(seed));
    }
  });
});

/** Two people do what chance says. Of the things that only one of them touches, all is known. */
async function act(ledger: Ledger, random: () => number): Promise<void> {
  const pages = [new Page(ledger, "Ann"), new Page(ledger, "Ben")];
  for (const page of pages) await page.look();
  const below = (n: number) => Math.floor(n * random());
  for (let step = 0; step < 60; step++) {
    const who = below(2);
    const { edits } = pages[who]!;
    // p0 to p2 are Ann's alone, p3 and p4 Ben's, the others of both.
    const own = [
      ["p0", "p1", "p2"],
      ["p3", "p4"],
    ][who]!;
    const keys = [...own, "p5", "r1", ...[...edits.things.keys()].filter((key) => key[0] === "a")];
    const thing = edits.things.get(keys[below(keys.length)]!)!;
    const left = below(60);
    const box = [left, 30, left + 10 + below(20), 50];
    const deed = below(9);
    if (deed === 0) edits.add(`a${randomUUID()}`, value(below(2), box));
    else if (deed === 1) edits.undo();
    else if (deed === 2) edits.redo();
    else if (deed === 3) await pages[who]!.send(random() < 0.5);
    else if (deed === 4) await pages[who]!.look();
    else if (deed < 7 || thing.kind === "region") {
      edits.change(thing.key, { ...thing.mine, isRemoved: !thing.mine.isRemoved });
    } else edits.change(thing.key, value(deed === 7 ? 1 : 0, box));
  }
  const wanted = new Map<string, Value>();
  for (const [who, { edits }] of pages.entries()) {
    for (const key of [
      ["p0", "p1", "p2"],
      ["p3", "p4"],
    ][who]!) {
      assert.ok(!edits.conflicts.has(key), "nobody else touched it");
      wanted.set(key, edits.things.get(key)!.mine);
    }
  }
  for (let round = 0; pages.some(({ edits }) => edits.unsavedCount > 0); round++) {
    assert.ok(round < 20, "it ends");
    for (const page of pages) {
      for (const key of page.edits.conflicts.keys()) page.edits.settle(key, random() < 0.5);
      await page.send(false);
      await page.look();
    }
  }
  for (const page of pages) await page.look();
  const [ann, ben] = pages.map(({ edits }) => shown(edits));
  assert.deepEqual(ann, ben, "both see the same");
  for (const [key, { isRemoved, ...rest }] of wanted) {
    assert.deepEqual(ann!.get(key), isRemoved ? "removed" : JSON.stringify(rest), key);
  }
}

const value = (classId: number, boxXyxy: readonly number[]) => ({
  classId,
  boxXyxy,
  isRemoved: false,
});

/** Of what is removed, nothing else matters. */
function shown({ things }: Edits): Map<string, string> {
  const pairs = [...things.values()].map(({ key, mine: { isRemoved, ...rest } }) => {
    return [key, isRemoved ? "removed" : JSON.stringify(rest)] as const;
  });
  // What was added and never sent is nothing to the other.
  return new Map(pairs.filter(([key, text]) => key[0] !== "a" || text !== "removed").sort());
}
