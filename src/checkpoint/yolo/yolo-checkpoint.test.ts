import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { createYoloModel } from "../../graph/yolo/create-yolo-model.ts";
import {
  type Activation,
  type ConvModule,
  type DetectModule,
  detectOf,
  inputChannels,
  type YoloLayer,
  type YoloModule,
  type YoloNetwork,
} from "../../graph/yolo/modules.ts";
import { RandomBlocks } from "../../graph/yolo/random-blocks.fixture.ts";
import { RandomModules } from "../../graph/yolo/random-modules.fixture.ts";
import { type RandomYoloOptions, randomYolo } from "../../graph/yolo/random-yolo.fixture.ts";
import type { YoloFamily, YoloScale } from "../../graph/yolo/yolo-families.fixture.ts";
import { module, writeCheckpoint } from "../checkpoint-writer.fixture.ts";
import {
  built,
  call,
  dict,
  global,
  object,
  orderedDict,
  tensor,
  type Writable,
} from "../pickle/pickle-writer.fixture.ts";
import { writeYoloCheckpoint, yoloModel } from "./network-writer.fixture.ts";
import { readYoloCheckpoint } from "./yolo-checkpoint.ts";

/** Half as wide as the families are: what is read is the same, and it is read more quickly. */
const narrowYolo = (options: Omit<RandomYoloOptions, "narrow">) =>
  randomYolo({ ...options, narrow: true });
const network = narrowYolo({ family: "11", scale: "n", task: "detect", classCount: 1, seed: 0 });

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "orangery-yolo-"));
});
after(() => rm(folder, { recursive: true }));

async function read(bytes: Buffer) {
  const file = join(folder, "checkpoint.pt");
  await writeFile(file, bytes);
  return await readYoloCheckpoint(file);
}

describe("readYoloCheckpoint", () => {
  for (const [family, scale] of [
    ["v3-tiny", "n"],
    ["v6", "n"],
    ["v8", "n"],
    ["v8-p6", "n"],
    ["v8-ghost", "n"],
    ["v9", "t"],
    ["v10", "n"],
    ["v10", "m"],
    ["11", "n"],
    ["12", "n"],
    ["26", "n"],
  ] as const satisfies [YoloFamily, YoloScale][]) {
    for (const task of ["detect", "segment"] as const) {
      test(`reads every weight of a YOLO${family}${scale}, ${task}, and folds the batch norms`, async () => {
        const saved = narrowYolo({ family, scale, task, classCount: 2, seed: 1 });
        const found = await read(writeYoloCheckpoint({ network: saved }));
        assert.equal(found.task, task);
        assertSame(found.network, saved, 1e-6);
      });
    }
  }

  test("reads layers whose output is cut into maps, and those that add them, as in YOLOv9e", async () => {
    const saved = fusingNetwork();
    assertSame((await read(writeYoloCheckpoint({ network: saved }))).network, saved, 1e-6);
  });

  for (const scale of ["t", "m"] as const) {
    test(`reads the sums of convolutions of a YOLOv9${scale} as one convolution each`, async () => {
      const options = { family: "v9", scale, task: "detect", classCount: 1, seed: 1 } as const;
      const saved = narrowYolo(options);
      const found = await read(writeYoloCheckpoint({ network: saved, summedConvs: true }));
      assertSame(found.network, saved, 1e-6);
    });
  }

  test("reads the sums of depthwise convolutions of a YOLOv10s", async () => {
    const options = { family: "v10", scale: "s", task: "detect", classCount: 1, seed: 1 } as const;
    const saved = narrowYolo(options);
    const found = await read(writeYoloCheckpoint({ network: saved, summedConvs: true }));
    assertSame(found.network, saved, 1e-6);
  });

  test("reads a network for grey pictures", async () => {
    const options = { family: "11", scale: "n", task: "detect", classCount: 1, seed: 1 } as const;
    const saved = narrowYolo({ ...options, channels: 1 });
    const found = await read(writeYoloCheckpoint({ network: saved }));
    assert.equal(inputChannels(found.network), 1);
    assertSame(found.network, saved, 1e-6);
  });

  const activations: readonly Activation[] = [
    ...(["identity", "silu", "relu", "relu6", "gelu", "geluTanh", "selu", "softplus"] as const),
    ...(["hardswish", "hardsigmoid", "mish", "sigmoid", "tanh"] as const),
    { leakyReluSlope: 0.1 },
    { eluAlpha: 0.7 },
    { celuAlpha: 0.5 },
    { preluSlopes: { dims: [1], values: Float32Array.of(0.25) } },
    { preluSlopes: { dims: [8], values: Float32Array.from({ length: 8 }, (_, i) => i / 8) } },
  ];
  for (const activation of activations) {
    test(`reads the activation ${JSON.stringify(activation)}`, async () => {
      const [first, ...layers] = network.layers as [YoloLayer<ConvModule>, ...YoloLayer[]];
      const module = { ...first.module, activation };
      const saved = { ...network, layers: [{ from: [-1], module }, ...layers] };
      assertSame((await read(writeYoloCheckpoint({ network: saved }))).network, saved, 1e-6);
    });
  }

  test("reads the channel scales that the larger YOLO12 have", async () => {
    const options = { family: "12", scale: "n", task: "detect", classCount: 1, seed: 1 } as const;
    const { layers, head } = narrowYolo(options);
    const gamma = { dims: [64], values: Float32Array.from({ length: 64 }, (_, i) => i) };
    const saved: YoloNetwork = {
      head,
      layers: layers.map(({ from, module }, i) => ({
        from,
        module: module.kind === "a2c2f" && i === 6 ? { ...module, gamma } : module,
      })),
    };
    assertSame((await read(writeYoloCheckpoint({ network: saved }))).network, saved, 1e-6);
  });

  test("reads a network whose batch norms are folded already", async () => {
    const found = await read(writeYoloCheckpoint({ network, batchNorm: false }));
    assertSame(found.network, network, 0);
  });

  test("reads a network that was saved fused, with bound methods", async () => {
    const found = await read(writeYoloCheckpoint({ network, batchNorm: false, bindForward: true }));
    assertSame(found.network, network, 0);
  });

  test("reads float16", async () => {
    const found = await read(
      writeYoloCheckpoint({ network, batchNorm: false, elementType: "float16" }),
    );
    assertSame(found.network, network, 2 ** -11);
  });

  test("says what the checkpoint says of itself", async () => {
    const { names, stride, imageSizeHw, architecture, description, metadata } = await read(
      writeYoloCheckpoint({
        network,
        names: ["Tagetes 'Durango'"],
        imageSize: 500,
        yamlFile: "cfg/yolo11-seg.yaml",
      }),
    );
    assert.deepEqual(names, ["Tagetes 'Durango'"]);
    assert.equal(stride, 32);
    assert.deepEqual(imageSizeHw, [512, 512]);
    assert.equal(architecture, "YOLO11n-seg");
    assert.equal(description, "YOLO11n-seg, trained on plants.yaml");
    assert.equal(metadata.version, "8.4.126");
  });

  test("gives a network without a map at stride 32 that stride, as Ultralytics does", async () => {
    const found = await read(writeYoloCheckpoint({ network: fusingNetwork(), imageSize: 500 }));
    assert.deepEqual([found.stride, ...found.imageSizeHw], [32, 512, 512]);
    const { network, names, description } = found;
    const { metadata } = createYoloModel({ network, names, description, imageSize: "dynamic" });
    assert.equal(metadata.get("stride"), "32");
  });

  test("takes 300 objects of an end-to-end head at least, as Ultralytics does", async () => {
    const saved = narrowYolo({ family: "26", scale: "n", task: "detect", classCount: 2, seed: 1 });
    const head = saved.head.module as DetectModule;
    for (const [maxDetections, read300] of [
      [20, 300],
      [1000, 1000],
    ] as const) {
      const module = { ...head, endToEnd: { maxDetections } };
      const network = { ...saved, head: { ...saved.head, module } };
      const { head: found } = (await read(writeYoloCheckpoint({ network }))).network;
      assert.equal(detectOf(found.module).endToEnd?.maxDetections, read300);
    }
  });

  test("reads a network that has its state_dict, and other things, beside it", async () => {
    const state = orderedDict(new Map([["model.0.conv.weight", tensor("float32", [1], [1])]]));
    const versions = dict({ "": dict({ version: 1 }) });
    const root = dict({
      state: built(state, dict({ _metadata: versions })),
      counts: built(call("collections.Counter", dict({ plants: 3 })), dict({})),
      model: yoloModel("ultralytics.nn.tasks.DetectionModel", { network }),
    });
    assert.equal((await read(writeCheckpoint(root))).task, "detect");
  });

  const modelWith = (attributes: Readonly<Record<string, Writable>>, root = {}) => {
    const model = yoloModel("ultralytics.nn.tasks.DetectionModel", { network, attributes });
    return writeCheckpoint(dict({ model, ...root }));
  };

  const numpy640 = call(
    "numpy.core.multiarray.scalar",
    call("numpy.dtype", "i8", false, true),
    call("_codecs.encode", "\x80\x02\0\0\0\0\0\0", "latin1"),
  );
  for (const [what, imgsz, expected] of [
    ["height and width", [500, 640], [512, 640]],
    ["a list of one", [320], [320, 320]],
    ["text", "320", [320, 320]],
    ["a number of numpy's", numpy640, [640, 640]],
    ["none", null, [640, 640]],
  ] as const) {
    test(`takes its image size from ${what}`, async () => {
      const bytes = modelWith({}, { train_args: dict({ imgsz }) });
      assert.deepEqual((await read(bytes)).imageSizeHw, expected);
    });
  }

  test("takes its image size from the model's own settings where there are no others", async () => {
    const args = object("ultralytics.utils.IterableSimpleNamespace", { imgsz: 352 });
    assert.deepEqual((await read(modelWith({ args }))).imageSizeHw, [352, 352]);
  });

  for (const [names, expected] of [
    [
      ["a", "b"],
      ["a", "b", "class2"],
    ],
    [new Map([[1, "b"]]), ["class0", "b", "class2"]],
    [dict({ 0: "a", 2: "c" }), ["a", "class1", "c"]],
    [
      [3, true, null],
      ["3", "True", "class2"],
    ],
  ] satisfies [Writable, string[]][]) {
    test(`names three classes ${expected.join(", ")}`, async () => {
      const saved = narrowYolo({
        family: "v8",
        scale: "n",
        task: "detect",
        classCount: 3,
        seed: 0,
      });
      const file = { network: saved, attributes: { names } };
      const model = yoloModel("ultralytics.nn.tasks.DetectionModel", file);
      assert.deepEqual((await read(writeCheckpoint(dict({ model })))).names, expected);
    });
  }
});

describe("readYoloCheckpoint refuses", () => {
  const file = { network };
  const model = (className: string) => writeCheckpoint(dict({ model: yoloModel(className, file) }));
  for (const [className, task] of [
    ["PoseModel", "pose"],
    ["OBBModel", "obb"],
    ["ClassificationModel", "classify"],
    ["DepthModel", "depth"],
    ["SemanticSegmentationModel", "semantic"],
  ] as const) {
    test(`the task ${task}, by name`, async () => {
      await assertRefused(model(`ultralytics.nn.tasks.${className}`), "CHECKPOINT_UNSUPPORTED", [
        `The task ${task} is not supported yet`,
      ]);
    });
  }

  for (const [className, advice] of [
    // Its export would be refused, too.
    ["ultralytics.nn.tasks.RTDETRDetectionModel", "Orangery runs YOLO networks"],
    ["models.yolo.DetectionModel", "Export it"],
    ["ultralytics.nn.tasks.constructor", "Export it"],
    ["ultralytics.nn.mytasks.DetectionModel", "Export it"],
  ] as const) {
    test(`a model of class ${className}`, async () => {
      await assertRefused(model(className), "CHECKPOINT_UNSUPPORTED", [className, advice]);
    });
  }

  test("a head for another task than the model's", async () => {
    await assertRefused(model("ultralytics.nn.tasks.SegmentationModel"), "CHECKPOINT_UNREADABLE", [
      "a head for the task segment",
    ]);
  });

  for (const className of [
    "ultralytics.nn.modules.block.HGBlock",
    "greenhouse.modules.Conv",
    "ultralytics.nn.addmodules.Conv",
    "ultralytics.nn.modules.myblocks.Conv",
    "ultralyticsx.nn.modules.conv.Conv",
    "torch.nn.modules.linear.Linear",
  ]) {
    test(`a layer of class ${className}, by name`, async () => {
      const layer = module(className, { attributes: { i: 0, f: -1 } });
      await assertRefused(withLayers(layer), "CHECKPOINT_UNSUPPORTED", [className, "model.0"]);
    });
  }

  const replaced: Readonly<Record<string, (conv: Writable) => Writable>> = {
    "a function of its own": () => global("greenhouse.forward"),
    "another's": () => call("__builtin__.getattr", global("greenhouse.Conv"), "forward"),
    "another of its class": (conv) => call("__builtin__.getattr", conv, "forward_other"),
    "one that leaves out the batch norm that it has": (conv) =>
      call("__builtin__.getattr", conv, "forward_fuse"),
  };
  for (const [what, forward] of Object.entries(replaced)) {
    test(`a layer whose forward pass is ${what}`, async () => {
      await assertRefused(withLayers(convWith(forward)), "CHECKPOINT_UNSUPPORTED", [
        "`model.0` is a module whose forward pass was replaced",
      ]);
    });
  }

  /** A Conv with a `forward` on itself. */
  function convWith(forward: (conv: Writable) => Writable): Writable {
    const attributes: Record<string, Writable> = { i: 0, f: -1 };
    const modules = { bn: module("torch.nn.modules.batchnorm.BatchNorm2d") };
    const conv = module("ultralytics.nn.modules.conv.Conv", { attributes, modules });
    return { writeTo: (pickle) => pickle.write(built(conv, dict({ forward: forward(conv) }))) };
  }

  for (const [what, change, says] of [
    [
      "a layer that reads a list of maps",
      (layers) => layers.with(6, { ...layers[6]!, from: [4] }),
      "the list of a CBLinear",
    ],
    [
      "a sum of maps that reads no list",
      (layers) => layers.with(7, { ...layers[7]!, from: [1, 5, 6] }),
      "CBLinear",
    ],
  ] as const satisfies [string, (layers: readonly YoloLayer[]) => YoloLayer[], string][]) {
    test(what, async () => {
      const { layers, head } = fusingNetwork();
      await assert.rejects(
        read(writeYoloCheckpoint({ network: { layers: change(layers), head } })),
        (error: Error) => error.message.includes(says),
      );
    });
  }

  test("layers that are no modules", async () => {
    await assertRefused(withLayers("Conv"), "CHECKPOINT_UNREADABLE", ["a module as `0`", "`Conv`"]);
  });

  const conv2d = {
    kernel_size: 3,
    stride: 1,
    padding: 1,
    dilation: 1,
    groups: 1,
    padding_mode: "zeros",
    i: 0,
    f: -1,
  };
  const conv = (attributes: Readonly<Record<string, Writable>>, dims = [8, 3, 3, 3]) =>
    module("torch.nn.modules.conv.Conv2d", {
      attributes: { ...conv2d, ...attributes },
      parameters: {
        weight: tensor("float32", dims, new Float32Array(dims.reduce((a, b) => a * b))),
      },
    });
  const wrong: Readonly<Record<string, readonly [layer: Writable, says: string]>> = {
    "weights that are no kernel": [conv({}, [8, 27]), "(8, 27)"],
    "a kernel of another size than its weights": [conv({ kernel_size: 5 }), "kernel of 5×5"],
    "an empty kernel": [conv({}, [0, 3, 3, 3]), "(0, 3, 3, 3)"],
    "a stride of zero": [conv({ stride: 0 }), "`stride` in `model.0`, got 0"],
    "a stride without end": [conv({ stride: Number.MAX_SAFE_INTEGER }), "`stride`"],
    "a negative padding": [conv({ padding: -1 }), "`padding` in `model.0`, got -1"],
    "more padding than kernel": [conv({ padding: 900 }), "padding smaller than the kernel"],
    "a text for groups": [conv({ groups: "1" }), "`groups` in `model.0`, got `1`"],
    "outputs that its groups cannot share": [
      conv({ groups: 3 }, [8, 1, 3, 3]),
      "3 channels in 3 groups",
    ],
    "a layer that comes later": [conv({ f: 3 }), "an earlier layer as `f` in `model.0`, got 3"],
    "a layer before the first": [conv({ f: [-2] }), "an earlier layer as `f` in `model.0`, got -2"],
    "no input": [conv({ f: [] }), "layers to read as `f`"],
  };
  for (const [what, [layer, says]] of Object.entries(wrong)) {
    test(`a convolution with ${what}`, async () => {
      await assertRefused(withLayers(layer), "CHECKPOINT_UNREADABLE", [says]);
    });
  }

  for (const channels of [2, 4]) {
    test(`a network for pictures of ${channels} channels, by their number`, async () => {
      await assertRefused(withLayers(conv({}, [8, channels, 3, 3])), "CHECKPOINT_UNSUPPORTED", [
        `pictures of ${channels} channels`,
      ]);
    });
  }

  for (const [what, attributes] of [
    ["padding mode `reflect`", { padding_mode: "reflect" }],
    ["padding `same`", { padding: "same" }],
  ] as const) {
    test(`a convolution with ${what}, by name`, async () => {
      await assertRefused(withLayers(conv(attributes)), "CHECKPOINT_UNSUPPORTED", [what]);
    });
  }

  for (const imgsz of [20_000, 0, -1, "large", [640, 1e9]]) {
    test(`an image size of ${imgsz}`, async () => {
      const train_args = dict({ imgsz });
      const model = yoloModel("ultralytics.nn.tasks.DetectionModel", file);
      await assertRefused(writeCheckpoint(dict({ model, train_args })), "CHECKPOINT_UNREADABLE", [
        "`imgsz` from 1 to 16384 px",
      ]);
    });
  }

  test("names its file in every message", async () => {
    await assertRefused(model("ultralytics.nn.tasks.OBBModel"), "CHECKPOINT_UNSUPPORTED", [
      `${folder}/checkpoint.pt`,
    ]);
  });

  test("a network that enlarges pictures beyond measure", async () => {
    const upsample: YoloModule = { kind: "upsample", factor: 16 };
    const layers = [1, 2].map((): YoloLayer => ({ from: [-1], module: upsample }));
    await assertRefused(
      writeYoloCheckpoint({ network: { ...network, layers: [...layers, ...network.layers] } }),
      "CHECKPOINT_UNREADABLE",
      ["a map of at most"],
    );
  });

  test("few modules that are shared until they are many", async () => {
    const container = (name: string, modules: Readonly<Record<string, Writable>>) =>
      module(`torch.nn.modules.container.${name}`, { modules, attributes: { i: 0, f: -1 } });
    let nested = container("Sequential", {});
    for (let level = 0; level < 18; level += 1) {
      nested = container("Sequential", { 0: nested, 1: nested });
    }
    await assertRefused(withLayers(nested), "CHECKPOINT_TOO_LARGE", ["20000 modules"]);
  });

  test("a module that contains itself", async () => {
    const modules = new Map<Writable, Writable>();
    const itself = module("torch.nn.modules.container.Sequential", {
      attributes: { _modules: modules, i: 0, f: -1 },
    });
    modules.set("0", itself);
    await assertRefused(withLayers(itself), "CHECKPOINT_TOO_LARGE", ["24 deep"]);
  });

  /** A model whose first layer is this, and whose second is a head. */
  function withLayers(layer: Writable): Buffer {
    const head = module("ultralytics.nn.modules.head.Detect", {
      attributes: { i: 1, f: [0], nc: 1, stride: tensor("float32", [1], [4]) },
      modules: {
        cv2: module("torch.nn.modules.container.ModuleList"),
        cv3: module("torch.nn.modules.container.ModuleList"),
        dfl: module("torch.nn.modules.linear.Identity"),
      },
    });
    return writeCheckpoint(
      dict({
        model: module("ultralytics.nn.tasks.DetectionModel", {
          modules: {
            model: module("torch.nn.modules.container.Sequential", {
              modules: { 0: layer, 1: head },
            }),
          },
        }),
      }),
    );
  }
});

async function assertRefused(bytes: Buffer, code: string, says: readonly string[]): Promise<void> {
  await assert.rejects(read(bytes), (error) => {
    assert.ok(isOrangeryError(error), String(error));
    assert.equal(error.code, code, error.message);
    for (const part of says) assert.ok(error.message.includes(part), error.message);
    return true;
  });
}

/** Everything equal but weights, which may differ by `tolerance` of the largest beside them. */
function assertSame(found: unknown, expected: unknown, tolerance: number, path = ""): void {
  if (!(expected instanceof Float32Array)) {
    if (typeof expected !== "object" || expected === null) {
      assert.equal(found, expected, path);
      return;
    }
    assert.deepEqual(Object.keys(found as object).sort(), Object.keys(expected).sort(), path);
    for (const [key, value] of Object.entries(expected)) {
      assertSame(
        (found as YoloNetwork)[key as keyof YoloNetwork],
        value,
        tolerance,
        `${path}.${key}`,
      );
    }
    return;
  }
  assert.ok(found instanceof Float32Array && found.length === expected.length, path);
  const differing = findDiffering(found, expected, tolerance);
  if (differing !== -1) assert.fail(`${path}[${differing}]`);
}

/** In loops, and with nothing else beside them, since there are millions. */
function findDiffering(found: Float32Array, expected: Float32Array, tolerance: number): number {
  let largest = 1;
  for (let i = 0; i < expected.length; i++) largest = Math.max(largest, Math.abs(expected[i]!));
  for (let i = 0; i < expected.length; i++) {
    if (!(Math.abs(expected[i]! - found[i]!) <= tolerance * largest)) return i;
  }
  return -1;
}

/** Two columns of layers, of which the second adds maps of the first. */
function fusingNetwork(): YoloNetwork {
  const random = new RandomModules(1);
  const down = (inputs: number, outputs: number, from = -1): YoloLayer => ({
    from: [from],
    module: random.conv(inputs, outputs, { kernel: 3, stride: 2 }),
  });
  const cut = (from: number): YoloLayer => ({
    from: [from],
    module: random.conv(16, 8 + 16, { activation: "identity" }),
  });
  const fuse = (from: readonly number[], first: number, channels: number): YoloLayer => ({
    from,
    module: { kind: "fuse", slices: from.slice(1).map(() => ({ first, channels })) },
  });
  const module = new RandomBlocks(random).detect([16], {
    classCount: 1,
    separable: false,
    endToEnd: false,
    distributions: true,
    strides: [8],
  });
  return {
    layers: [
      { from: [-1], module: { kind: "identity" } },
      ...[down(3, 8), down(8, 16), down(16, 16), cut(2), cut(3)],
      ...[down(3, 8, 0), fuse([4, 5, 6], 0, 8), down(8, 16), fuse([4, 5, 8], 8, 16)],
      down(16, 16),
    ],
    head: { from: [10], module },
  };
}
