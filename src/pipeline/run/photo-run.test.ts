import assert from "node:assert/strict";
import {
  copyFile,
  cp,
  mkdir,
  mkdtempDisposable,
  rename,
  rm,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";
import { describe, test } from "node:test";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import { openLedger } from "../../ledger/open-ledger.ts";
import { createRecipe } from "../../ledger/recipe.ts";
import { readFailures, readResults } from "../../ledger/results/stored-results.ts";
import { Worklist } from "../../ledger/worklist/worklist.ts";
import type { Prediction } from "../../models/yolo/yolo-model.ts";
import { Detections } from "../../vision/detections.ts";
import type { Picture, PictureInput } from "../../vision/photo/picture.ts";
import { encodePicture } from "../../vision/photo/picture-file.ts";
import type { PhotoModel } from "../count/model-use.ts";
import { PhotoPipeline } from "../count/photo-pipeline.ts";
import { failureCases } from "../photos/photo-failures.fixture.ts";
import { findPhotos } from "../photos/photo-files.ts";
import { checkPhotoPaths } from "../photos/photo-paths.ts";
import { readPhoto } from "../photos/read-photo.ts";
import { type PhotoEvent, type PhotoMove, type PhotoRunOptions, runPhotos } from "./photo-run.ts";

// Real photos and a real ledger; of the models only the call, since none fails on demand.

/** A photo is known by its width, which is 16 px and its number. */
const numberOf = ({ widthPx }: Picture) => widthPx - 16;

function predictWith(infer: (photo: number, signal?: AbortSignal) => Promise<void>) {
  const predict = async (input: PictureInput, options?: { signal?: AbortSignal | undefined }) => {
    const picture = input as Picture;
    await infer(numberOf(picture), options?.signal);
    return {
      widthPx: picture.widthPx,
      heightPx: picture.heightPx,
      detections: Detections.empty(["plant"]),
      reachedMaxDetections: false,
      reachedNetworkLimit: false,
      device: "cpu",
      model: { file: "m.onnx", task: "detect", sha256: "0", precision: "float32" },
      timingsMs: { decode: 0, preprocess: 0, inference: 0, postprocess: 0, total: 0 },
    } satisfies Prediction;
  };
  const predictBatch = async () => assert.fail("nothing is sliced");
  return {
    task: "detect",
    names: ["plant"],
    device: "cpu",
    deviceKind: "cpu",
    isOnCpu: true,
    fallbackReason: undefined,
    file: "m.onnx",
    sha256: "0",
    identity: "0",
    precision: "float32",
    largestBatch: 1,
    channels: 3,
    checkOptions: () => {},
    seenWh: (photoWh) => photoWh,
    predict,
    predictBatch,
  } as const satisfies PhotoModel;
}

/** A worklist of that many photos in a folder of its own. */
async function createRun(photos: number) {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-run-")));
  const fileOf = (photo: number) => join(folder.path, `${photo}.jpg`);
  for (let photo = 0; photo < photos; photo++) {
    const data = new Uint8Array(3 * (16 + photo) * 8);
    const picture = { data, widthPx: 16 + photo, heightPx: 8 };
    await writeFile(fileOf(photo), await encodePicture(picture));
  }
  const file = join(folder.path, "results.db");
  const worklist = stack.use(await Worklist.open(file, createRecipe({})));
  const events: string[] = [];
  return {
    worklist,
    events,
    folder: folder.path,
    fileOf,
    async run(model: PhotoModel, options: Partial<PhotoRunOptions> = {}) {
      const found = [];
      for await (const photo of findPhotos(await checkPhotoPaths([folder.path]))) found.push(photo);
      await worklist.add(found);
      const onPhoto = ({ source, outcome }: PhotoEvent) => {
        events.push(`${basename(source)} ${outcome}`);
      };
      const pipeline = new PhotoPipeline({ detect: { model } });
      await runPhotos({ worklist, pipeline, photos: { read: readPhoto }, onPhoto, ...options });
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function attemptsOf(worklist: Worklist): Promise<number[]> {
  const leased = await worklist.lease(100);
  leased.push(...(await worklist.lease(100, { suspects: true })));
  return leased.map(({ attempts }) => attempts);
}

async function failedCodes(worklist: Worklist): Promise<(string | undefined)[]> {
  const codes: (string | undefined)[] = [];
  for await (const { reason } of worklist.view.photos({ state: "failed" })) {
    codes.push(reason?.code);
  }
  return codes;
}

test("an empty list is done at once", async () => {
  await using run = await createRun(0);
  await run.run(predictWith(async () => assert.fail("nothing to infer")));
  assert.deepEqual(run.events, []);
});

test("while one photo is inferred others are made ready, as many as asked", async () => {
  for (const lookahead of [0, 2]) {
    await using run = await createRun(9);
    let inFlight = 0;
    let most = 0;
    const detect = predictWith(async () => {
      most = Math.max(most, ++inFlight);
      // Until the others have come, however long the machine takes; and then no more may come.
      do await new Promise((resolve) => setTimeout(resolve, 20));
      while (most < 1 + lookahead);
      inFlight--;
    });
    await run.run(detect, { lookahead, batchSize: 2 });
    assert.equal(run.events.length, 9);
    assert.equal(most, 1 + lookahead);
  }
});

test("identical bytes in the same run are inferred once, though made ready together", async () => {
  await using run = await createRun(1);
  for (const twin of [1, 2, 3]) await copyFile(run.fileOf(0), run.fileOf(twin));
  let inferred = 0;
  const detect = predictWith(async () => {
    inferred++;
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
  await run.run(detect, { lookahead: 3 });
  assert.equal(inferred, 1);
  assert.equal((await run.worklist.view.states()).done, 4);
});

test("a photo that fails is tried again last and alone, and fails the third time", async () => {
  await using run = await createRun(6);
  let inFlight = 0;
  const detect = predictWith(async (photo) => {
    inFlight++;
    try {
      await new Promise((resolve) => setTimeout(resolve, 2));
      if (photo !== 1) return;
      if (run.events.includes("1.jpg failed")) assert.equal(inFlight, 1, "alone");
      throw new OrangeryError("ORT_FAILED", "no room for this shape");
    } finally {
      inFlight--;
    }
  });
  await run.run(detect);
  assert.equal(run.events.filter((event) => event.endsWith("inferred")).length, 5);
  assert.deepEqual(run.events.slice(-2), ["1.jpg retry", "1.jpg failed"]);
  for await (const { reason } of run.worklist.view.photos({ state: "failed" })) {
    assert.equal(reason?.code, "PHOTO_FAILED");
    assert.match(reason?.message ?? "", /no room for this shape/);
  }
});

test("photos that fail one after the other stop the run", async () => {
  await using run = await createRun(6);
  const detect = predictWith(async () => {
    throw new OrangeryError("ORT_FAILED", "the device is gone");
  });
  await assert.rejects(run.run(detect), (error) => {
    assert.ok(isOrangeryError(error, "ORT_FAILED"));
    assert.match(error.message, /3 photos failed one after the other.*the device is gone/);
    return true;
  });
  assert.equal((await run.worklist.view.states()).failed, 0);
});

for (const { name, error, blamed } of failureCases) {
  const consequence = {
    photo: "fails the photo at once",
    attempt: "fails the photo the third time",
    none: "ends the run and is recorded against no photo",
  }[blamed];
  test(`${name} ${consequence}`, async () => {
    await using run = await createRun(2);
    const detect = predictWith(async (photo) => {
      if (photo === 0) throw error;
    });
    const running = run.run(detect);
    if (blamed === "none") await assert.rejects(running, error);
    else await running;
    const expected = {
      photo: { codes: [name], events: ["0.jpg failed"] },
      attempt: {
        codes: ["PHOTO_FAILED"],
        events: ["0.jpg retry", "0.jpg retry", "0.jpg failed"],
      },
      none: { codes: [], events: [] },
    }[blamed];
    assert.deepEqual(await failedCodes(run.worklist), expected.codes);
    const events = run.events.filter((event) => event.startsWith("0.jpg"));
    assert.deepEqual(events, expected.events);
  });
}

test("a stop finishes what is inferred and gives the rest back without blame", async () => {
  await using run = await createRun(9);
  const stop = new AbortController();
  const detect = predictWith(async () => stop.abort());
  await run.run(detect, { stop: stop.signal });
  const { done, waiting, leased } = await run.worklist.view.states();
  assert.ok(done >= 1 && done <= 2, `${done} in progress`);
  assert.deepEqual([waiting, leased], [9 - done, 0]);
  assert.deepEqual(new Set(await attemptsOf(run.worklist)), new Set([0]));
});

test("an abort rejects with its reason and reaches the inference", async () => {
  await using run = await createRun(3);
  const abort = new AbortController();
  const reason = new Error("enough");
  const detect = predictWith(async (_photo, signal) => {
    abort.abort(reason);
    signal?.throwIfAborted();
    assert.fail("the signal is passed on");
  });
  await assert.rejects(run.run(detect, { signal: abort.signal }), reason);
});

test("photos in the hands of another user are waited for", async () => {
  await using run = await createRun(2);
  await using theirs = await Worklist.open(join(run.folder, "results.db"), createRecipe({}));
  const found = [];
  for await (const photo of findPhotos(await checkPhotoPaths([run.folder]))) found.push(photo);
  await theirs.add(found);
  const [held] = await theirs.lease(1);
  const detect = predictWith(async () => {
    // They give up while this run works on the other photo.
    await theirs.release([held!]);
  });
  await run.run(detect);
  assert.equal((await run.worklist.view.states()).done, 2);
});

describe("moved photos", () => {
  /** Two photos in a folder `a`, a place outside of what is run, and what is recorded. */
  async function createMoves() {
    const stack = new AsyncDisposableStack();
    const run = stack.use(await createRun(2));
    const outside = stack.use(await mkdtempDisposable(join(tmpdir(), "orangery-unplugged-")));
    const at = (name: string) => join(run.folder, name);
    await mkdir(at("a"));
    for (const photo of [0, 1]) await rename(run.fileOf(photo), at(`a/${photo}.jpg`));
    const moves: string[] = [];
    const nameOf = (source: string) => relative(run.folder, source);
    const detect = predictWith(async () => {});
    return {
      at,
      outside: join(outside.path, "a"),
      /** Runs all photos of the folder, and returns the events and the moves. */
      async runAll() {
        run.events.length = 0;
        moves.length = 0;
        const onMoved = ({ source, from }: PhotoMove) => {
          moves.push(`${from.map(nameOf)} to ${nameOf(source)}`);
        };
        await run.run(detect, { lookahead: 0, onMoved });
        return [...run.events, ...moves];
      },
      async recorded() {
        await using ledger = await openLedger(run.worklist.file, { readOnly: true });
        const sources: string[] = [];
        for await (const { source } of readResults(ledger)) sources.push(source);
        for await (const { source } of readFailures(ledger)) sources.push(source);
        return sources.map(nameOf);
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  }

  test("photos of a renamed folder are the same photos, and are not inferred again", async () => {
    await using photos = await createMoves();
    assert.deepEqual(await photos.runAll(), ["0.jpg inferred", "1.jpg inferred"]);
    await rename(photos.at("a"), photos.at("b"));
    assert.deepEqual(await photos.runAll(), [
      "0.jpg known",
      "1.jpg known",
      "a/0.jpg to b/0.jpg",
      "a/1.jpg to b/1.jpg",
    ]);
    assert.deepEqual(await photos.recorded(), ["b/0.jpg", "b/1.jpg"]);
  });

  test("a photo that failed and has moved is one failure", async () => {
    await using photos = await createMoves();
    await writeFile(photos.at("a/1.jpg"), "no photo");
    assert.deepEqual(await photos.runAll(), ["0.jpg inferred", "1.jpg failed"]);
    await rename(photos.at("a/1.jpg"), photos.at("a/2.jpg"));
    assert.deepEqual(await photos.runAll(), ["2.jpg failed", "a/1.jpg to a/2.jpg"]);
    assert.deepEqual(await photos.recorded(), ["a/0.jpg", "a/2.jpg"]);
  });

  test("two living copies are two photos, and stay two while the disk of one is away", async () => {
    await using photos = await createMoves();
    await cp(photos.at("a"), photos.at("b"), { recursive: true });
    await photos.runAll();
    await rename(photos.at("a"), photos.outside);
    await utimes(photos.at("b/0.jpg"), 1, 1);
    assert.deepEqual(await photos.runAll(), ["0.jpg known"]);
    const all = ["a/0.jpg", "a/1.jpg", "b/0.jpg", "b/1.jpg"];
    assert.deepEqual(await photos.recorded(), all);
  });

  test("a copy that turns up while the first is away takes its place, until that is back", async () => {
    await using photos = await createMoves();
    await photos.runAll();
    await rename(photos.at("a"), photos.outside);
    await cp(photos.outside, photos.at("b"), { recursive: true });
    await photos.runAll();
    assert.deepEqual(await photos.recorded(), ["b/0.jpg", "b/1.jpg"]);
    await rename(photos.outside, photos.at("a"));
    assert.deepEqual(await photos.runAll(), ["0.jpg known", "1.jpg known"]);
    const all = ["a/0.jpg", "a/1.jpg", "b/0.jpg", "b/1.jpg"];
    assert.deepEqual(await photos.recorded(), all);
  });
});

describe("where photos come and go", () => {
  const isIn = (folder: string, source: string) => source.startsWith(folder);

  test("photos that are removed, or away with their place, do not fail", async () => {
    await using run = await createRun(4);
    let away = "";
    const places = {
      awayPlaceOf: async (source: string) =>
        away !== "" && isIn(away, source) ? run.folder : undefined,
    };
    const detect = predictWith(async (photo) => {
      if (photo === 0) return await rm(run.fileOf(1));
      await rename(run.fileOf(3), join(run.folder, "elsewhere"));
      away = run.folder;
    });
    await run.run(detect, { lookahead: 0, places });
    const events = ["0.jpg inferred", "1.jpg gone", "2.jpg inferred", "3.jpg gone"];
    assert.deepEqual(run.events, events);
    assert.deepEqual(await run.worklist.view.states(), {
      waiting: 0,
      leased: 0,
      done: 2,
      failed: 0,
      excluded: 0,
    });
  });

  test("photos have not moved that are away with their place", async () => {
    await using run = await createRun(1);
    const detect = predictWith(async () => {});
    await run.run(detect);
    await rename(run.fileOf(0), join(run.folder, "copy.jpg"));
    const onMoved = () => assert.fail("it has not moved");
    const places = { awayPlaceOf: async () => run.folder };
    await run.run(detect, { places, onMoved });
    assert.deepEqual(run.events, ["0.jpg inferred", "copy.jpg known"]);
    assert.equal((await run.worklist.view.states()).done, 2);
  });

  test("a run goes on with what arrives", async () => {
    await using run = await createRun(1);
    let asked = 0;
    const more = async () => {
      if (++asked > 1) return false;
      await copyFile(run.fileOf(0), join(run.folder, "later.jpg"));
      for await (const photo of findPhotos(await checkPhotoPaths([run.folder]))) {
        await run.worklist.add([photo]);
      }
      return true;
    };
    await run.run(
      predictWith(async () => {}),
      { more },
    );
    assert.deepEqual(run.events, ["0.jpg inferred", "later.jpg known"]);
    assert.equal(asked, 2);
  });
});
