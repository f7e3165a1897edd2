import { module, writeCheckpoint } from "../src/checkpoint/checkpoint-writer.fixture.ts";
import { opcodes } from "../src/checkpoint/pickle/pickle-opcodes.ts";
import {
  dict,
  global,
  opcodeBytes,
  parameter,
  storage,
  tensor,
  tuple,
  view,
  type Writable,
  type Written,
} from "../src/checkpoint/pickle/pickle-writer.fixture.ts";
import type { HostileCheckpoint } from "./hostile-checkpoints.fixture.ts";

/**
 * Checkpoints that are networks in every respect, so that all is done with them that is done with
 * one.
 */
export function hostileNetworks(): HostileCheckpoint[] {
  return [
    {
      name: "a long tuple with which twenty thousand objects were to be made",
      expected: ["loaded"],
      bytes: () => detector({ attributes: { harm: sharedArguments(100_000, 20_000) } }),
    },
    ...(["bfloat16", "int64"] as const).map(
      (elementType): HostileCheckpoint => ({
        name: `a megabyte of ${elementType} that a thousand layers each see a little of`,
        expected: ["loaded"],
        bytes: () => {
          const bytesEach = elementType === "int64" ? 8 : 2;
          const shared = storage(elementType, new Float32Array((1 << 20) / bytesEach));
          const weight = () => view(shared, { dims: [3, 3, 1, 1], strides: [3, 1, 1, 1] });
          return detector({ layers: Array.from({ length: 1000 }, () => conv(weight())) });
        },
      }),
    ),
    {
      name: "an anchor for every pixel of a large picture",
      expected: ["CHECKPOINT_UNREADABLE"],
      bytes: () => detector({ stride: 1, imageSize: 8192 }),
    },
    {
      name: "the most anchors that there may be",
      expected: ["loaded"],
      bytes: () => detector({ stride: 4, imageSize: 16384 }),
    },
    {
      name: "zeros around zeros until no memory holds them",
      expected: ["CHECKPOINT_UNREADABLE"],
      names: /a map of at most/,
      bytes: () => detector({ layers: Array.from({ length: 40 }, () => pad(1024)) }),
    },
    {
      name: "a padding that is negative",
      expected: ["CHECKPOINT_UNREADABLE"],
      names: /`padding` in `model\.1\.0`, got -1/,
      bytes: () => detector({ layers: [pad(-1)] }),
    },
    {
      name: "two thousand of the largest pools",
      expected: ["loaded"],
      bytes: () => detector({ layers: Array.from({ length: 2000 }, () => pool(63)) }),
    },
    {
      name: "a sum of maps that are not there",
      expected: ["CHECKPOINT_UNREADABLE"],
      names: /maps that there are in `model\.\d`, got 7/,
      bytes: () => fusing([2, 1], 7),
    },
    {
      name: "maps of more channels than there are",
      expected: ["CHECKPOINT_UNREADABLE"],
      names: /channels or more at model\.2/,
      bytes: () => fusing([60_000, 60_000, 3], 2),
    },
    {
      name: "forty thousand classes",
      expected: ["loaded"],
      bytes: () => detector({ names: Array.from({ length: 40_000 }, (_, id) => `class ${id}`) }),
    },
    {
      name: "a hundred references to a name of 8 MB",
      expected: ["CHECKPOINT_TOO_LARGE"],
      bytes: () => detector({ names: Array(100).fill("x".repeat(8_000_000)) }),
    },
    {
      name: "ten thousand references to a name of 1 KB",
      expected: ["CHECKPOINT_TOO_LARGE"],
      bytes: () => detector({ names: Array(10_000).fill("x".repeat(1000)) }),
    },
    {
      name: "a gigabyte of weights out of one",
      expected: ["CHECKPOINT_TOO_LARGE"],
      bytes: () => {
        const one = storage("float32", [1]);
        return detector({
          layers: [conv(view(one, { dims: [2 ** 14, 2 ** 14, 1, 1], strides: [0, 0, 0, 0] }))],
        });
      },
    },
    {
      name: "six hundred layers that share a storage",
      expected: ["CHECKPOINT_TOO_LARGE"],
      bytes: () => {
        const shared = storage("float16", new Float32Array(2 ** 18));
        const weight = () => view(shared, { dims: [512, 512, 1, 1], strides: [512, 1, 1, 1] });
        return detector({ layers: Array.from({ length: 600 }, () => conv(weight())) });
      },
    },
    {
      name: "six hundred layers that share a tensor",
      expected: ["CHECKPOINT_TOO_LARGE"],
      bytes: () => {
        const shared = zeros(512, 512);
        return detector({ layers: Array.from({ length: 600 }, () => conv(shared)) });
      },
    },
  ];
}

interface DetectorFile {
  /** Each reads the one before and keeps its size; the head reads 3 channels. */
  readonly layers?: readonly Writable[];
  readonly stride?: number;
  readonly imageSize?: number;
  readonly names?: readonly string[];
  readonly attributes?: Readonly<Record<string, Writable>>;
}

/** A network of convolutions of 1×1, the first of which makes it as small as the head's stride. */
function detector({ layers = [], stride = 8, ...file }: DetectorFile): Buffer {
  const first = conv(zeros(3, 3), stride);
  const written = [first, ...layers].map((layer, i) =>
    module("torch.nn.modules.container.Sequential", {
      attributes: { i, f: -1 },
      modules: { 0: layer },
    }),
  );
  return detectorOf(written, { ...file, stride });
}

/** A network whose second layer is cut into maps, of which the third adds one to the first. */
function fusing(cut: readonly number[], chosen: number): Buffer {
  const blocks = "ultralytics.nn.modules.block";
  const first = module("torch.nn.modules.container.Sequential", {
    attributes: { i: 0, f: -1 },
    modules: { 0: conv(zeros(3, 3), 8) },
  });
  const linear = module(`${blocks}.CBLinear`, {
    attributes: { i: 1, f: -1, c2s: cut },
    modules: { conv: conv(zeros(9, 3)) },
  });
  const fuse = module(`${blocks}.CBFuse`, { attributes: { i: 2, f: [1, 0], idx: [chosen] } });
  return detectorOf([first, linear, fuse], {});
}

/** A network of these layers and a head. */
function detectorOf(
  written: readonly Writable[],
  { stride = 8, imageSize = 64, names = ["plant"], attributes = {} }: Omit<DetectorFile, "layers">,
): Buffer {
  const head = module("ultralytics.nn.modules.head.Detect", {
    attributes: {
      i: written.length,
      f: -1,
      nc: names.length,
      stride: tensor("float32", [1], [stride]),
    },
    modules: {
      cv2: list([conv(zeros(4, 3))]),
      cv3: list([conv(zeros(names.length, 3))]),
      dfl: module("torch.nn.modules.linear.Identity"),
    },
  });
  const model = module("ultralytics.nn.tasks.DetectionModel", {
    attributes: { names: new Map(names.entries()), ...attributes },
    modules: { model: list([...written, head], "Sequential") },
  });
  return writeCheckpoint(dict({ model, train_args: dict({ imgsz: imageSize }) }));
}

function conv(weight: Writable, stride = 1): Writable {
  return module("torch.nn.modules.conv.Conv2d", {
    attributes: {
      kernel_size: tuple(1, 1),
      stride: tuple(stride, stride),
      padding: tuple(0, 0),
      dilation: tuple(1, 1),
      groups: 1,
      padding_mode: "zeros",
    },
    parameters: { weight: parameter(weight), bias: null },
  });
}

function pad(pixels: number): Writable {
  const padding = tuple(pixels, pixels, pixels, pixels);
  return module("torch.nn.modules.padding.ZeroPad2d", { attributes: { padding } });
}

function pool(size: number): Writable {
  return module("torch.nn.modules.pooling.MaxPool2d", {
    attributes: { kernel_size: size, stride: 1, padding: (size - 1) / 2, dilation: 1 },
  });
}

function zeros(outputs: number, inputs: number): Writable {
  return tensor("float16", [outputs, inputs, 1, 1], new Float32Array(outputs * inputs));
}

function list(modules: readonly Writable[], name = "ModuleList"): Writable {
  return module(`torch.nn.modules.container.${name}`, {
    modules: Object.fromEntries(modules.entries()),
  });
}

/** `[obj, obj, …]`, each of a class that was to be called with the same tuple. */
function sharedArguments(length: number, objects: number): Writable {
  const args = opcodeBytes(
    Buffer.concat([
      Buffer.from([opcodes.MARK]),
      Buffer.alloc(length, opcodes.NONE),
      Buffer.from([opcodes.TUPLE]),
    ]),
  );
  const type = global("torch.Anything");
  return Array.from(
    { length: objects },
    (): Written => ({
      writeTo(pickle) {
        pickle.write(type);
        pickle.write(args);
        // The writer remembers what it has written in full; only then may it be referred to.
        pickle.bytes(Buffer.from([opcodes.NEWOBJ]));
      },
    }),
  );
}
