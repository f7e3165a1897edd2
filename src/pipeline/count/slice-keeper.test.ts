import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { PartialWork } from "../../base/partial-work.ts";
import { ModelCache } from "../../models/cache/model-cache.ts";
import { ModelFolder, tinyYolo } from "../../models/yolo/tiny-yolo.fixture.ts";
import type { Picture } from "../../vision/photo/picture.ts";
import { type DetectSlicedOptions, detectSliced } from "./detect-sliced.ts";
import { keptSliceCount } from "./kept-slices.fixture.ts";
import type { PhotoModel } from "./model-use.ts";
import type { SlicedPrediction } from "./slice-run.ts";

let folder: ModelFolder;
let cache: ModelCache;
/** Networks of 32 × 32 px whose scores are the brightness of what they see. */
const networks = {
  detect: tinyYolo({ freeBatch: true }),
  segment: tinyYolo({ task: "segment", freeBatch: true }),
  full: tinyYolo({ head: "end-to-end", isFull: true, score: 1, freeBatch: true }),
};
type Name = keyof typeof networks;

before(async () => {
  folder = await ModelFolder.create();
  const models: Record<string, string> = {};
  for (const [name, network] of Object.entries(networks)) {
    models[name] = await folder.write(`${name}.onnx`, network);
  }
  cache = new ModelCache({ models, device: "cpu" });
});
after(async () => {
  await cache[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** 100 slices of 32 × 32 px, each of another brightness. */
const sidePx = 320;
const photo: Picture = {
  data: Uint8Array.from({ length: 3 * sidePx * sidePx }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % sidePx, Math.floor(i / 3 / sidePx)];
    return 150 + ((7 * Math.floor(x / 32) + 13 * Math.floor(y / 32)) % 100);
  }),
  widthPx: sidePx,
  heightPx: sidePx,
};

/** What a queue keeps with a job. */
class Kept implements PartialWork {
  bytes: Uint8Array | undefined;
  writes = 0;
  onItsWay = 0;
  async read() {
    return this.bytes;
  }
  async write(bytes: Uint8Array) {
    this.onItsWay++;
    await setImmediate();
    this.onItsWay--;
    this.bytes = bytes;
    this.writes++;
  }
  get sliceCount(): number {
    return keptSliceCount(this.bytes, [sidePx, sidePx]);
  }
}

interface Attempt {
  readonly kept?: Kept;
  readonly name?: Name;
  readonly picture?: Picture;
  /** Slices after which it is broken off. */
  readonly breakAfter?: number;
  readonly key?: string;
  readonly periodMs?: number;
  readonly options?: DetectSlicedOptions;
}

/** One attempt; how many slices were inferred, and what was found unless it was broken off. */
async function attempt(options: Attempt) {
  const { kept, name = "detect", picture = photo, breakAfter, ...how } = options;
  const model = await cache.get(name);
  let inferred = 0;
  const breaking = new AbortController();
  const predictBatch: PhotoModel["predictBatch"] = async (pictures, options) => {
    if (inferred === breakAfter) breaking.abort(new Error("broken off"));
    const predictions = await model.predictBatch(pictures, options);
    inferred += pictures.length;
    return predictions;
  };
  const counting: PhotoModel = new Proxy(model, {
    get: (_, name) => {
      const value = name === "predictBatch" ? predictBatch : Reflect.get(model, name, model);
      return typeof value === "function" ? value.bind(model) : value;
    },
  });
  const { key = "photo", periodMs } = how;
  const found = await detectSliced(counting, picture, {
    slice: 32,
    overlap: 0,
    merge: { method: "nms" },
    signal: breaking.signal,
    resume: kept && { partialWork: kept, key, periodMs },
    ...how.options,
  }).catch((error: unknown) => {
    if (error !== breaking.signal.reason) throw error;
    return undefined;
  });
  return { inferred, found };
}

function bytesOf(found: SlicedPrediction | undefined): unknown {
  const { boxesXyxy, scores, classIds, masks } = found!.detections;
  const runs = masks?.map(({ counts }) => [...counts]);
  return { boxesXyxy, scores, classIds, runs, sliceCount: found!.sliceCount };
}

describe("a sliced photo that is broken off", () => {
  for (const name of ["detect", "segment"] as const) {
    test(`goes on where it was, and the result is the same to the bit: ${name}`, async () => {
      const whole = await attempt({ name });
      assert.equal(whole.inferred, 100);
      const kept = new Kept();
      const first = await attempt({ name, kept, breakAfter: 40 });
      assert.equal(first.found, undefined);
      const done = kept.sliceCount;
      assert.ok(done > 0);
      const second = await attempt({ name, kept });
      assert.equal(second.inferred, 100 - done);
      assert.deepEqual(bytesOf(second.found), bytesOf(whole.found));
    });
  }

  test("may be broken off again, and goes on from the further place", async () => {
    const kept = new Kept();
    await attempt({ kept, breakAfter: 30 });
    const first = kept.sliceCount;
    await attempt({ kept, breakAfter: 30 });
    const second = kept.sliceCount;
    assert.ok(first > 0 && second > first, `${first}, ${second}`);
    assert.equal((await attempt({ kept })).inferred, 100 - second);
  });

  test("has kept what it found without being asked to stop", async () => {
    const kept = new Kept();
    await attempt({ kept, periodMs: 0 });
    assert.ok(kept.writes > 1);
    assert.equal(kept.onItsWay, 0, "all that is kept can be forgotten now");
    const { sliceCount } = kept;
    assert.ok(sliceCount > 0);
    const { inferred } = await attempt({ kept });
    assert.equal(inferred, 100 - sliceCount);
  });

  test("begins anew with another photo, model, option or slices, or with damaged bytes", async () => {
    const kept = new Kept();
    await attempt({ kept, breakAfter: 40 });
    const before = kept.bytes!;
    const others: readonly Attempt[] = [
      { key: "another photo" },
      { name: "segment" },
      { options: { confidence: 0.1 } },
      { options: { slice: [32, 30] } },
    ];
    for (const other of others) {
      kept.bytes = before;
      const { inferred } = await attempt({ kept, ...other });
      assert.ok(inferred >= 100, JSON.stringify(other));
    }
    for (const damaged of [before.subarray(0, 20), before.subarray(0, -3), new Uint8Array()]) {
      kept.bytes = damaged;
      assert.equal((await attempt({ kept })).inferred, 100);
    }
  });

  test("still reports that there may be more than the network returned on a slice", async () => {
    // Only the first row of slices scores above 0.98.
    const data = photo.data.map((value, i) => (i < 3 * sidePx * 32 ? 255 : value));
    const how = {
      name: "full",
      picture: { ...photo, data },
      options: { confidence: 0.98 },
    } as const;
    const whole = await attempt(how);
    assert.equal(whole.found?.reachedNetworkLimit, true);
    const darker = await attempt({ ...how, picture: photo });
    assert.equal(darker.found?.reachedNetworkLimit, false);
    const kept = new Kept();
    await attempt({ ...how, kept, breakAfter: 40 });
    assert.ok(kept.sliceCount > 10);
    const { found } = await attempt({ ...how, kept });
    assert.deepEqual(bytesOf(found), bytesOf(whole.found));
    assert.equal(found!.reachedNetworkLimit, true);
  });

  test("keeps nothing when it is done soon, or has few slices", async () => {
    const kept = new Kept();
    await attempt({ kept });
    await attempt({ kept, breakAfter: 9, options: { slice: 64 } });
    assert.equal(kept.writes, 0);
  });
});
