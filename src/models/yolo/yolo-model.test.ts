import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, afterEach, before, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { type ErrorCode, isOrangeryError } from "../../errors.ts";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Runtime, Session } from "../../native/runtime.ts";
import { ownTurns } from "../../native/turns/own-turns.fixture.ts";
import type { ProcessTurns } from "../../native/turns/process-turns.ts";
import type { Picture, PictureInput } from "../../vision/photo/picture.ts";
import { loadModel } from "../cache/load-model.ts";
import { cpu, parseDevice } from "../devices/device.ts";
import { identifyModelFile } from "../files/model-file.ts";
import { ModelRuns } from "../runs/model-runs.ts";
import { photosInHand } from "../runs/photos-in-hand.ts";
import { readYoloNetwork } from "./network-signature.ts";
import { blackPhoto, ModelFolder, type TinyYolo, tinyYolo } from "./tiny-yolo.fixture.ts";
import { YoloModel } from "./yolo-model.ts";

let folder: ModelFolder;
let photo: string;

before(async () => {
  folder = await ModelFolder.create();
  photo = folder.file("photo.png");
  const { data, widthPx: width, heightPx: height } = blackPhoto;
  await sharp(data, { raw: { width, height, channels: 3 } }).toFile(photo);
});
after(async () => {
  await folder[Symbol.asyncDispose]();
});
afterEach(() => assert.deepEqual(liveNativeObjects(), {}, "every native object is released"));

/** ONNX Runtime, and a log of its runs and of the tensors that were made. */
class LoggedRuntime implements Runtime {
  readonly name = "logged";
  readonly version = onnxRuntime.version;
  readonly shapes: string[] = [];
  /** Copies of the inputs of runs that take bytes. */
  readonly bytes: Uint8Array[] = [];
  running = 0;
  mostRunning = 0;

  createTensor: Runtime["createTensor"] = (elementType, shape) => {
    this.shapes.push(shape.join(" "));
    return onnxRuntime.createTensor(elementType, shape);
  };

  createSession: Runtime["createSession"] = (source, options) =>
    onnxRuntime.createSession(source, options);

  openSharedSession: Runtime["openSharedSession"] = async (key, options) => {
    const shared = await onnxRuntime.openSharedSession(key, options);
    this.#watch(shared.session);
    return shared;
  };

  #watch(session: Session): void {
    const run = session.run.bind(session);
    session.run = async (...args) => {
      this.running++;
      this.mostRunning = Math.max(this.mostRunning, this.running);
      try {
        for (const { data } of Object.values(args[0])) {
          if (data instanceof Uint8Array) this.bytes.push(data.slice());
        }
        return await run(...args);
      } finally {
        this.running--;
      }
    };
  }
}

async function load(
  tiny: TinyYolo = {},
  { runtime = onnxRuntime, turns = ownTurns() }: { runtime?: Runtime; turns?: ProcessTurns } = {},
): Promise<YoloModel> {
  const file = await identifyModelFile(await folder.write("model.onnx", tinyYolo(tiny)));
  return (await loadModel(file, cpu, { runtime, turns, cpuRuns: 1 })).model;
}

const coded = (code: ErrorCode) => (error: unknown) => isOrangeryError(error, code);

describe("a YOLO model", () => {
  test("says what it is", async () => {
    await using model = await load();
    const { sha256 } = await identifyModelFile(folder.file("model.onnx"));
    const { file, task, names, device, stride, defaultSizeHw, freeSize } = model;
    assert.deepEqual(
      { file, sha256: model.sha256, task, names, device, stride, defaultSizeHw, freeSize },
      {
        file: folder.file("model.onnx"),
        sha256,
        task: "detect",
        names: ["thing"],
        device: "cpu",
        stride: 32,
        defaultSizeHw: [32, 32],
        freeSize: false,
      },
    );
  });

  const inputs: [what: string, input: () => PictureInput | Promise<PictureInput>][] = [
    ["a path", () => photo],
    ["a file: URL", () => pathToFileURL(photo)],
    ["a Buffer", () => readFile(photo)],
    ["plain bytes", async () => new Uint8Array(await readFile(photo))],
    ["a raw picture", () => blackPhoto],
  ];
  for (const [what, input] of inputs) {
    test(`takes ${what}`, async () => {
      await using model = await load();
      const prediction = await model.predict(await input());
      assert.deepEqual(
        [...prediction.detections],
        [{ classId: 0, name: "thing", score: 0.5, boxXyxy: [16, 16, 48, 48] }],
      );
      const { widthPx, heightPx, device } = prediction;
      assert.deepEqual([widthPx, heightPx, device], [64, 64, "cpu"]);
      const { file, task, sha256, precision } = model;
      assert.deepEqual(prediction.model, { file, task, sha256, precision });
      const { decode, preprocess, inference, postprocess, total } = prediction.timingsMs;
      assert.ok(total >= decode + preprocess + inference + postprocess);
      assert.ok(decode >= 0 && preprocess > 0 && inference > 0 && postprocess > 0);
    });
  }

  const wrong: [what: string, input: unknown, code: ErrorCode][] = [
    ["nothing", undefined, "INVALID_ARGUMENT"],
    ["null", null, "INVALID_ARGUMENT"],
    ["a number", 1, "INVALID_ARGUMENT"],
    ["an empty object", {}, "INVALID_ARGUMENT"],
    ["what is to be read first", new Blob([]), "INVALID_ARGUMENT"],
    ["a raw picture of the wrong length", { ...blackPhoto, widthPx: 65 }, "INVALID_ARGUMENT"],
    ["a raw picture of no size", { ...blackPhoto, widthPx: 0 }, "INVALID_ARGUMENT"],
    ["a photo that is not there", "/no/such/photo.jpg", "PHOTO_NOT_FOUND"],
    ["a web address", new URL("https://example.org/photo.jpg"), "PHOTO_NOT_FOUND"],
    ["no bytes", new Uint8Array(), "PHOTO_UNREADABLE"],
    ["bytes of no photo", new Uint8Array(100), "PHOTO_UNREADABLE"],
  ];
  for (const [what, input, code] of wrong) {
    test(`does not take ${what}`, async () => {
      await using model = await load();
      await assert.rejects(model.predict(input as PictureInput), coded(code));
    });
  }

  test("says what to do with what is to be read first", async () => {
    await using model = await load();
    const input = new ArrayBuffer(8) as unknown as Uint8Array;
    await assert.rejects(model.predict(input), /got ArrayBuffer\. Read anything else into bytes/);
    const pictures = ["a.jpg"] as unknown as Picture[];
    await assert.rejects(model.predictBatch(pictures), /in a Uint8Array, got String\./);
  });

  test("refuses options before it reads the photo", async () => {
    await using model = await load();
    const options = { confidence: 2 };
    await assert.rejects(model.predict("/no/such.jpg", options), coded("INVALID_ARGUMENT"));
  });

  test("sees a large JPEG the same where it is decoded at a fraction of its size", async () => {
    const create = { width: 320, height: 160, channels: 3, background: "#999" } as const;
    const jpeg = await sharp({ create }).jpeg().toBuffer();
    await using model = await load({ freeBatch: true });
    assert.deepEqual(model.seenWh([320, 160]), [32, 16]);
    const [exact, fast] = await Promise.all(
      (["exact", "fast"] as const).map((decode) => model.predict(jpeg, { decode })),
    );
    assert.deepEqual([fast!.widthPx, fast!.heightPx], [320, 160]);
    assert.deepEqual(fast!.detections, exact!.detections);
    await assert.rejects(
      model.predict(jpeg, { decode: "half" as "fast" }),
      coded("INVALID_ARGUMENT"),
    );
  });

  test("refuses photos above the limit", async () => {
    await using model = await load();
    await assert.rejects(model.predict(photo, { maxPixels: 100 }), coded("PHOTO_TOO_LARGE"));
  });
});

describe("a network", () => {
  const networks: TinyYolo[] = [
    {},
    { elementType: "float16" },
    { head: "end-to-end" },
    { head: "end-to-end", elementType: "float16" },
    { task: "segment" },
    { task: "segment", elementType: "float16" },
    { task: "segment", head: "end-to-end" },
    { task: "segment", head: "end-to-end", elementType: "float16" },
  ];
  for (const tiny of networks) {
    test(`of ${JSON.stringify(tiny)} finds what it finds`, async () => {
      await using model = await load(tiny);
      const { detections } = await model.predict(blackPhoto);
      assert.deepEqual([...detections.boxesXyxy], [16, 16, 48, 48]);
      assert.deepEqual([...detections.scores], [0.5]);
      assert.deepEqual(
        detections.masks?.map(({ areaPx }) => areaPx),
        tiny.task === "segment" ? [32 * 32] : undefined,
      );
    });
  }

  test("of fixed size is given its whole square", async () => {
    const runtime = new LoggedRuntime();
    await using model = await load({}, { runtime });
    const wide = { data: new Uint8Array(3 * 64 * 16), widthPx: 64, heightPx: 16 };
    await model.predict(wide);
    assert.deepEqual(runtime.shapes, ["1 3 32 32"]);
  });

  test("of free size is given the least rectangle that its stride allows", async () => {
    const runtime = new LoggedRuntime();
    await using model = await load({ freeSize: true }, { runtime });
    assert.equal(model.freeSize, true);
    const photoOf = (widthPx: number, heightPx: number) => ({
      data: new Uint8Array(3 * widthPx * heightPx),
      widthPx,
      heightPx,
    });
    await model.predict(photoOf(400, 300), { imageSize: 128 });
    await model.predict(photoOf(300, 400), { imageSize: 128 });
    await model.predict(photoOf(400, 100), { imageSize: [64, 100] });
    await model.predict(photoOf(400, 300));
    assert.deepEqual(runtime.shapes, ["1 3 96 128", "1 3 128 96", "1 3 32 128", "1 3 32 32"]);
  });

  test("uses an input tensor again for photos of one size", async () => {
    const runtime = new LoggedRuntime();
    await using model = await load({}, { runtime });
    for (let time = 0; time < 5; time += 1) await model.predict(blackPhoto);
    assert.equal(runtime.shapes.length, 1);
    await model.trimMemory();
    await model.predict(blackPhoto);
    assert.equal(runtime.shapes.length, 2, "trimming has let go of it");
  });

  test("has one run at a time on a device, whichever model it is of", async () => {
    const [runtime, turns] = [new LoggedRuntime(), ownTurns()];
    await using first = await load({}, { runtime, turns });
    await using second = await load({ task: "segment" }, { runtime, turns });
    await Promise.all(
      Array.from({ length: 12 }, (_, index) => (index % 2 ? first : second).predict(blackPhoto)),
    );
    assert.equal(runtime.mostRunning, 1);
  });
});

test("a network of one channel sees the grey that OpenCV reads of the file", async () => {
  await using model = await load({ channels: 1, freeBatch: true });
  assert.equal(model.channels, 1);
  const background = { r: 0, g: 0, b: 209 };
  const blue = sharp({ create: { width: 64, height: 64, channels: 3, background } });
  const decoded = { widthPx: 64, heightPx: 64, data: await blue.raw().toBuffer() };
  // Where libpng rounds down, OpenCV's own conversion rounds up.
  for (const [photo, grey] of [
    [await blue.png().toBuffer(), 23],
    [decoded, 24],
  ] as const) {
    const { detections } = await model.predict(photo, { confidence: 0 });
    const [score] = detections.scores;
    assert.ok(Math.abs(score! / 0.5 - grey / 255) < 1e-6, `${score! * 510} of 255`);
  }
});

describe("a batch", () => {
  const grey = (value: number, widthPx = 64, heightPx = 64) => ({
    data: new Uint8Array(3 * widthPx * heightPx).fill(value),
    widthPx,
    heightPx,
  });
  const pictures = [grey(255), grey(204), grey(153)];

  for (const head of ["raw", "end-to-end"] as const) {
    for (const elementType of ["float32", "float16"] as const) {
      test(`is one run of a ${head} network of ${elementType}, in order`, async () => {
        const runtime = new LoggedRuntime();
        await using model = await load({ head, elementType, freeBatch: true }, { runtime });
        const predictions = await model.predictBatch(pictures);
        assert.deepEqual(runtime.shapes, ["3 3 32 32"]);
        const scores = predictions.map(({ detections }) => detections.scores[0]!);
        for (const [index, expected] of [0.5, 0.4, 0.3].entries()) {
          assert.ok(Math.abs(scores[index]! - expected) < 0.001, `${scores}`);
        }
        for (const { detections, timingsMs } of predictions) {
          assert.deepEqual([...detections.boxesXyxy], [16, 16, 48, 48]);
          assert.ok(timingsMs.inference > 0);
        }
      });
    }
  }

  test("of a network that takes bytes gets the photos' own, in RGB", async () => {
    const runtime = new LoggedRuntime();
    const network = { takesBytes: true, freeBatch: true, freeSize: true };
    await using model = await load(network, { runtime });
    const data = Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => (i * 37) % 256);
    const predictions = await model.predictBatch([grey(204), { ...grey(0), data }], {
      imageSize: 64,
    });
    assert.ok(Math.abs(predictions[0]!.detections.scores[0]! - 0.4) < 0.001);
    const bytes = runtime.bytes.at(-1)!;
    assert.deepEqual([...new Set(bytes.slice(0, 3 * 4096))], [204]);
    for (const channel of [0, 1, 2]) {
      const plane = bytes.slice((3 + channel) * 4096, (4 + channel) * 4096);
      assert.ok(
        plane.every((byte, i) => byte === data[3 * i + channel]),
        `channel ${channel}`,
      );
    }
  });

  test("has masks, each picture its own", async () => {
    await using model = await load({ task: "segment", freeBatch: true });
    assert.ok(model.largestBatch > 1);
    for (const { detections } of await model.predictBatch(pictures)) {
      assert.deepEqual(
        detections.masks?.map(({ areaPx }) => areaPx),
        [32 * 32],
      );
    }
  });

  test("is a run each where the network's batch is fixed", async () => {
    const runtime = new LoggedRuntime();
    await using model = await load({}, { runtime });
    assert.equal(model.largestBatch, 1);
    const predictions = await model.predictBatch(pictures);
    assert.deepEqual(runtime.shapes, ["1 3 32 32"]);
    assert.equal(predictions.length, 3);
  });

  test("of nothing is nothing", async () => {
    await using model = await load({ freeBatch: true });
    assert.deepEqual(await model.predictBatch([]), []);
  });

  test("of pictures that need different inputs is refused", async () => {
    await using model = await load({ freeBatch: true, freeSize: true });
    const mixed = [grey(1), grey(1, 96, 32)];
    await assert.rejects(
      model.predictBatch(mixed, { imageSize: 96 }),
      (error) => isOrangeryError(error, "INVALID_ARGUMENT") && /96×96, 32×96/.test(error.message),
    );
    await assert.rejects(
      model.predictBatch([{ ...grey(1), widthPx: 3 }]),
      coded("INVALID_ARGUMENT"),
    );
  });

  test("is refused by a model that is released", async () => {
    const model = await load({ freeBatch: true });
    await model[Symbol.asyncDispose]();
    await assert.rejects(model.predictBatch(pictures), coded("MODEL_RELEASED"));
  });
});

describe("photos that come at once to a GPU", () => {
  /** What a GPU is given, computed by this CPU. */
  async function loadAsGpu(tiny: TinyYolo, runtime: Runtime): Promise<YoloModel> {
    const file = await identifyModelFile(await folder.write("gpu.onnx", tinyYolo(tiny)));
    const session = await onnxRuntime.createSession(file.path);
    const network = readYoloNetwork(file.path, session);
    const runs = new ModelRuns({ session, device: cpu, turns: ownTurns() });
    return new YoloModel({ runtime, runs, network, file, device: parseDevice("webgpu") });
  }
  const grey = (value: number, side = 32) => ({
    data: new Uint8Array(3 * side * side).fill(value),
    widthPx: side,
    heightPx: side,
  });

  for (const takesBytes of [false, true]) {
    test(`make batches, of ${takesBytes ? "bytes" : "floats"}, each with its own`, async () => {
      const runtime = new LoggedRuntime();
      const tiny = { freeBatch: true, freeSize: true, takesBytes };
      await using model = await loadAsGpu(tiny, runtime);
      const photos = [250, 200, 150, 100, 50, 230, 130].map((value) => grey(value));
      photos.splice(3, 0, grey(175, 64));
      const predictions = await Promise.all(
        photos.map((photo, index) =>
          model.predict(photo, { imageSize: photo.widthPx, confidence: index === 1 ? 0.45 : 0.01 }),
        ),
      );
      assert.deepEqual(
        predictions.map(({ detections }) => Math.round((detections.scores[0] ?? 0) * 510)),
        [250, 0, 150, 175, 100, 50, 230, 130],
      );
      // Two photos are in a batch of 4, which was run before.
      const batches = runtime.shapes.filter((shape) => !shape.startsWith("1 "));
      assert.deepEqual(batches, ["4 3 32 32"]);
      assert.ok(predictions.every(({ timingsMs }) => timingsMs.inference > 0));
    });
  }

  test("one by one are runs of their own, as are those of a network with a fixed batch", async () => {
    const runtime = new LoggedRuntime();
    await using free = await loadAsGpu({ freeBatch: true }, runtime);
    for (const value of [255, 51]) {
      const { detections } = await free.predict(grey(value), { confidence: 0.01 });
      assert.equal(Math.round(detections.scores[0]! * 510), value);
    }
    await using fixed = await loadAsGpu({}, runtime);
    await Promise.all([1, 2, 3].map((value) => fixed.predict(grey(value))));
    assert.deepEqual([...new Set(runtime.shapes)], ["1 3 32 32"]);
  });
});

describe("an abort", () => {
  const reason = new Error("enough");

  test("that came before is the reason", async () => {
    await using model = await load();
    await assert.rejects(model.predict(photo, { signal: AbortSignal.abort(reason) }), reason);
  });

  test("while it waits for the device gives up its place, and no other", async () => {
    const [runtime, turns] = [new LoggedRuntime(), ownTurns()];
    await using model = await load({}, { runtime, turns });
    const gate = Promise.withResolvers<void>();
    const busy = turns.run(() => gate.promise);
    const aborter = new AbortController();
    const leaving = model.predict(blackPhoto, { signal: aborter.signal });
    const staying = model.predict(blackPhoto);
    await turn();
    aborter.abort(reason);
    await assert.rejects(leaving, reason);
    gate.resolve();
    assert.equal((await staying).detections.length, 1);
    await busy;
    assert.equal(runtime.shapes.length, 2);
    await model.predict(blackPhoto);
    assert.equal(runtime.shapes.length, 2, "the tensor of the one who left is used again");
  });

  test("while it waits for others that are in hand takes no memory and stops the wait", async () => {
    const [runtime, turns] = [new LoggedRuntime(), ownTurns()];
    await using model = await load({}, { runtime, turns });
    const gate = Promise.withResolvers<void>();
    const busy = turns.run(() => gate.promise);
    const aborter = new AbortController();
    const places = photosInHand(model);
    const before = runtime.shapes.length;
    const first = Array.from({ length: 3 * places }, () => model.predict(blackPhoto));
    const leaving = model.predict(blackPhoto, { signal: aborter.signal });
    aborter.abort(reason);
    await assert.rejects(leaving, reason);
    gate.resolve();
    for (const { detections } of await Promise.all(first)) assert.equal(detections.length, 1);
    assert.ok(runtime.shapes.length - before <= places, "an input for each that is in hand");
    await busy;
  });

  test("during the run stops it, and the device is free", async () => {
    const [runtime, turns] = [new LoggedRuntime(), ownTurns()];
    await using slow = await load({ slow: true }, { runtime, turns });
    const aborter = new AbortController();
    const stopping = slow.predict(blackPhoto, { signal: aborter.signal });
    while (runtime.running === 0) await turn();
    aborter.abort(reason);
    await assert.rejects(stopping, reason);
    assert.equal(runtime.running, 0);
    await using model = await load({}, { runtime, turns });
    assert.equal((await model.predict(blackPhoto)).detections.length, 1);
  });
});

describe("a model that is released", () => {
  test("lets the predictions in flight end, and refuses more", async () => {
    const turns = ownTurns();
    const model = await load({ task: "segment" }, { turns });
    const gate = Promise.withResolvers<void>();
    const busy = turns.run(() => gate.promise);
    const inFlight = [model.predict(photo), model.predict(blackPhoto)];
    let released = false;
    const releasing = model[Symbol.asyncDispose]().then(() => {
      released = true;
    });
    await assert.rejects(model.predict(photo), (error) => {
      assert.ok(isOrangeryError(error, "MODEL_RELEASED"));
      return error.retryable;
    });
    await turn();
    assert.equal(released, false);
    gate.resolve();
    for (const { detections } of await Promise.all(inFlight)) {
      assert.equal(detections.masks!.length, 1);
    }
    await Promise.all([releasing, busy]);
    await model[Symbol.asyncDispose]();
  });

  test("has its trimming ended first, and has nothing to trim afterwards", async () => {
    const model = await load();
    await model.predict(blackPhoto);
    const trimming = model.trimMemory();
    await model[Symbol.asyncDispose]();
    await trimming;
    await model.trimMemory();
  });
});
