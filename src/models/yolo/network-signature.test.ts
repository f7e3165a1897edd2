import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { inputKey } from "../../graph/byte-input.ts";
import type { TensorInfo } from "../../native/runtime.ts";
import { type NetworkSignature, readYoloNetwork } from "./network-signature.ts";

type Shape = readonly (number | string)[];

interface Described {
  readonly input?: Shape;
  readonly inputType?: string;
  readonly inputs?: readonly TensorInfo[];
  readonly outputs?: readonly Shape[];
  readonly outputType?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A YOLO11n as Ultralytics exports it, but for what is given. */
function read({
  input = [1, 3, 640, 640],
  inputType = "float32",
  inputs = [{ name: "images", elementType: inputType, shape: input }],
  outputs = [[1, 84, 8400]],
  outputType = "float32",
  metadata = {},
}: Described): NetworkSignature {
  return readYoloNetwork("model.onnx", {
    inputs,
    outputs: outputs.map((shape, index) => ({
      name: `output${index}`,
      elementType: outputType,
      shape,
    })),
    metadata: new Map(Object.entries(metadata)),
  });
}

const coco = `{${Array.from({ length: 80 }, (_, id) => `${id}: 'name ${id}'`).join(", ")}}`;
const prototypes = [1, 32, 160, 160];

describe("a YOLO network", () => {
  const recognised: [what: string, described: Described, expected: Partial<NetworkSignature>][] = [
    [
      "without metadata, by its shapes: raw detection",
      {},
      {
        task: "detect",
        head: "raw",
        stride: 32,
        coefficientCount: 0,
        fixedSizeHw: [640, 640],
        defaultSizeHw: [640, 640],
        inputName: "images",
        inputType: "float32",
        outputNames: ["output0"],
      },
    ],
    [
      "without metadata, by its shapes: raw segmentation",
      { outputs: [[1, 116, 8400], prototypes] },
      { task: "segment", head: "raw", coefficientCount: 32, outputNames: ["output0", "output1"] },
    ],
    [
      "without metadata, by its shapes: end-to-end detection",
      { outputs: [[1, 300, 6]] },
      { task: "detect", head: "end-to-end", coefficientCount: 0 },
    ],
    [
      "without metadata, by its shapes: end-to-end segmentation",
      { outputs: [[1, 300, 38], prototypes] },
      { task: "segment", head: "end-to-end", coefficientCount: 32 },
    ],
    [
      "YOLOv8 or YOLO11 for detection",
      { metadata: { task: "detect", names: coco, stride: "32", imgsz: "[640, 640]" } },
      { task: "detect", head: "raw" },
    ],
    [
      "YOLOv8 or YOLO11 for segmentation",
      {
        outputs: [[1, 116, 8400], prototypes],
        metadata: { task: "segment", names: coco, end2end: "False" },
      },
      { task: "segment", head: "raw", coefficientCount: 32 },
    ],
    [
      "for grey pictures",
      { input: [1, 1, 640, 640], metadata: { channels: "1" } },
      { inputChannels: 1, head: "raw" },
    ],
    [
      "for grey pictures, as its metadata say",
      { input: [1, "channels", 640, 640], metadata: { channels: "1" } },
      { inputChannels: 1 },
    ],
    [
      "YOLO26, end-to-end",
      { outputs: [[1, 300, 6]], metadata: { task: "detect", names: coco, end2end: "True" } },
      { head: "end-to-end" },
    ],
    [
      "YOLO26, end-to-end, of free size",
      {
        input: ["batch", 3, "height", "width"],
        outputs: [["batch", "rows", "values"]],
        metadata: { task: "detect", names: coco, end2end: "True" },
      },
      { head: "end-to-end", fixedSizeHw: undefined },
    ],
    [
      "exported with nms=True",
      {
        outputs: [[1, 300, 38], prototypes],
        metadata: { task: "segment", names: coco, args: "{'batch': 1, 'nms': True}" },
      },
      { head: "end-to-end", coefficientCount: 32 },
    ],
    [
      "exported with nms=False",
      { metadata: { names: coco, args: "{'nms': False}" } },
      { head: "raw" },
    ],
    [
      "of free size, whose metadata gives the size that it was trained for",
      {
        input: [1, 3, "height", "width"],
        outputs: [[1, 84, "anchors"]],
        metadata: { imgsz: "[480, 640]", names: coco },
      },
      { fixedSizeHw: undefined, defaultSizeHw: [480, 640] },
    ],
    [
      "of free size, whose metadata gives one number for a square",
      { input: [1, 3, "h", "w"], metadata: { imgsz: "320" } },
      { fixedSizeHw: undefined, defaultSizeHw: [320, 320] },
    ],
    [
      "of free size, whose metadata gives no size that can be used",
      { input: [1, 3, "h", "w"], metadata: { imgsz: "[0, 640]" } },
      { defaultSizeHw: [640, 640] },
    ],
    [
      "of fixed size, whatever the metadata says",
      {
        input: [1, 3, 256, 320],
        outputs: [[1, 84, 1680]],
        metadata: { imgsz: "[640, 640]" },
      },
      { fixedSizeHw: [256, 320], defaultSizeHw: [256, 320] },
    ],
    [
      "of which one side is free: the metadata fixes it",
      {
        input: [1, 3, 480, "width"],
        outputs: [[1, 84, 6300]],
        metadata: { imgsz: "[640, 640]" },
      },
      { fixedSizeHw: [480, 640], defaultSizeHw: [480, 640] },
    ],
    [
      "of float16",
      { inputType: "float16", outputType: "float16" },
      { inputType: "float16", precision: "float16" },
    ],
    [
      "of a photo's bytes, as its input",
      { inputType: "uint8", input: ["batch", 3, "height", "width"] },
      { inputType: "uint8", precision: "float32", freeBatch: false, fixedSizeHw: undefined },
    ],
    [
      "of float16 inside",
      { metadata: { args: "{'batch': 1, 'half': True}" } },
      { inputType: "float32", precision: "float16" },
    ],
    [
      "of float16, as Ultralytics 8.4 says it",
      { metadata: { args: "{'batch': 1, 'quantize': 16}" } },
      { precision: "float16" },
    ],
    ["of float32", { metadata: { args: "{'batch': 1, 'half': False}" } }, { precision: "float32" }],
    [
      "with prototypes of a symbolic number, taken for 32",
      {
        outputs: [
          [1, 116, 8400],
          [1, "masks", "h", "w"],
        ],
        metadata: { names: coco },
      },
      { coefficientCount: 32 },
    ],
    [
      "with names in a list",
      { outputs: [[1, 6, 8400]], metadata: { names: "['a', 'b']" } },
      { names: ["a", "b"] },
    ],
    [
      "without names that can be used: they are numbered",
      { outputs: [[1, 7, 8400]], metadata: { names: "{1: 'a', 2: 'b', 3: 'c'}" } },
      { names: ["class0", "class1", "class2"] },
    ],
    ["with a stride for each level", { metadata: { stride: "[8, 16, 64]" } }, { stride: 64 }],
    ["with a stride that cannot be", { metadata: { stride: "-1" } }, { stride: 32 }],
  ];
  for (const [what, described, expected] of recognised) {
    test(`is recognised ${what}`, () => {
      const network = read(described);
      const seen = Object.fromEntries(
        Object.keys(expected).map((key) => [key, network[key as keyof NetworkSignature]]),
      );
      assert.deepEqual(seen, expected);
    });
  }

  test("has the names of its metadata, or as many as its shapes leave room for", () => {
    assert.equal(read({ metadata: { names: coco } }).names[79], "name 79");
    assert.equal(read({}).names.length, 80);
    assert.equal(read({ outputs: [[1, 116, 8400], prototypes] }).names.length, 80);
    assert.equal(read({ outputs: [[1, 300, 6]] }).names.length, 80);
  });

  const ofFreeSize = ["batch", 3, "height", "width"];
  const plant = "{0: 'plant'}";
  const said = { task: "detect", names: plant, end2end: "False", args: "{'nms': False}" };
  type Established = Partial<Pick<NetworkSignature, "head" | "isCertain" | "stride">>;
  const heads: [what: string, described: Described, expected: Established | RegExp][] = [
    ["raw, by its names", { metadata: { names: coco } }, { head: "raw", isCertain: true }],
    ["raw, by its anchors", {}, { head: "raw", isCertain: false }],
    ["raw, of another stride", { outputs: [[1, 84, 8500]] }, { head: "raw", stride: 64 }],
    ["raw, with maps of stride 4", { outputs: [[1, 84, 34_000]] }, { head: "raw", stride: 32 }],
    [
      "of no number of anchors",
      { outputs: [[1, 84, 8000]] },
      /an input of 640 × 640 has 8400 anch/,
    ],
    [
      "end-to-end, by its metadata",
      { outputs: [[1, 300, 6]], metadata: { names: coco, end2end: "True" } },
      { head: "end-to-end", isCertain: true },
    ],
    [
      "end-to-end by its rows, where the metadata say nothing of it",
      { outputs: [[1, 300, 6]], metadata: { names: coco, task: "detect" } },
      { head: "end-to-end", isCertain: false },
    ],
    [
      "end-to-end by its rows, of as many classes as it has rows, less four",
      {
        outputs: [[1, 300, 6]],
        metadata: { names: `[${Array.from({ length: 296 }, (_, id) => `'${id}'`).join()}]` },
      },
      { head: "end-to-end", isCertain: false },
    ],
    [
      "of six values, but no detections",
      { outputs: [[1, 300, 6]], metadata: said },
      /no detections/,
    ],
    [
      "YOLOv5's of one class",
      { outputs: [[1, 25_200, 6]], metadata: said },
      { head: "objectness" },
    ],
    [
      "YOLOv5's of one class, by its anchors",
      { outputs: [[1, 25_200, 6]] },
      { head: "objectness-only", isCertain: false },
    ],
    ["YOLOv5's", { outputs: [[1, 25_200, 85]] }, { head: "objectness", isCertain: false }],
    [
      "YOLOv5's with a map of stride 64",
      { input: [1, 3, 1280, 1280], outputs: [[1, 102_000, 85]] },
      { head: "objectness", stride: 64 },
    ],
    [
      "YOLOv5's for segmentation",
      { outputs: [[1, 25_200, 117], prototypes], metadata: { names: coco, stride: "32" } },
      { head: "objectness", isCertain: false },
    ],
    [
      "YOLOv5's with its maps beside it",
      {
        outputs: [
          [1, 25_200, 85],
          [1, 3, 80, 80, 85],
        ],
      },
      { head: "objectness" },
    ],
    [
      "YOLOv5's of free size",
      { input: ofFreeSize, outputs: [["batch", "anchors", 85]], metadata: { names: coco } },
      { head: "objectness", isCertain: false },
    ],
    [
      "YOLOv5's of free size and one class, whatever the metadata say",
      { input: ofFreeSize, outputs: [["batch", "anchors", 6]], metadata: said },
      { isCertain: false },
    ],
    ["YOLOX's or YOLOv6's", { outputs: [[1, 8400, 85]] }, { head: "objectness", isCertain: false }],
    [
      "transposed",
      { outputs: [[1, 8400, 84]], metadata: { names: coco } },
      /a row of 84 values for each anchor, as in an output that is transposed/,
    ],
    [
      "RT-DETR's",
      { outputs: [[1, 300, 84]], metadata: { names: coco } },
      /300 rows of a box and 80 scores, as RT-DETR/,
    ],
    [
      "YOLO-NAS's",
      {
        outputs: [
          [1, 8400, 4],
          [1, 8400, 80],
        ],
      },
      /boxes and scores in one output .* as YOLO-NAS/,
    ],
    ["for oriented boxes", { outputs: [[1, 85, 8400]], metadata: { names: coco } }, /84 values/],
    ["of boxes alone", { outputs: [[1, 8400, 4]] }, /6 values a detection/],
  ];
  for (const [what, described, expected] of heads) {
    test(`has its head established: ${what}`, () => {
      if (expected instanceof RegExp) {
        assert.throws(() => read(described), { code: "MODEL_NOT_YOLO", message: expected });
        return;
      }
      const network = read(described);
      const seen = Object.keys(expected).map((key) => network[key as keyof Established]);
      assert.deepEqual(seen, Object.values(expected));
    });
  }

  test("that is refused comes with a list of those that are run", () => {
    assert.throws(() => read({ outputs: [] }), /YOLOv8, YOLOv9, YOLOv10, YOLO11, YOLO12, YOLO26\)/);
  });

  const image = { name: "images", elementType: "float32", shape: [1, 3, 640, 640] };
  const refused: [what: string, described: Described, message: RegExp][] = [
    ["no input", { inputs: [] }, /one input of shape .* got none/],
    ["two inputs", { inputs: [image, image] }, /got images: float32 \(1, 3, 640, 640\); images/],
    ["an input without a batch", { input: [3, 640, 640] }, /one input of shape/],
    ["a batch of four", { input: [4, 3, 640, 640] }, /a batch of 1 .* got 4: export it again with/],
    [
      "an input of four channels",
      { input: [1, 4, 640, 640] },
      /one input of .* \(1, 4, 640, 640\)/,
    ],
    [
      "four channels pixel by pixel",
      { input: [1, 640, 640, 4], metadata: { [inputKey]: "pixels" } },
      /one input of .* \(1, 4, 640, 640\)/,
    ],
    [
      "an input of whole numbers",
      { inputType: "int64" },
      /an input of float32, float16 or uint8 .* got int64/,
    ],
    ["an input beyond measure", { input: [1, 3, 640, 99_968] }, /at most 16384 px .* 640 × 99968/],
    [
      "a usual size beyond measure",
      { input: [1, 3, "height", "width"], metadata: { imgsz: "[99968, 99968]" } },
      /at most 16384 px/,
    ],
    ["a stride beyond measure", { metadata: { stride: "99968" } }, /at most 16384 px/],
    ["no output", { outputs: [] }, /an output of shape .* got none/],
    ["a classifier's output", { outputs: [[1, 1000]] }, /an output of shape/],
    ["an output for four photos", { outputs: [[4, 84, 8400]] }, /an output of shape/],
    ["outputs of int64", { outputType: "int64" }, /outputs of float32 or float16/],
    ["a task of pose", { metadata: { task: "pose" } }, /for detect or segment .* got one for pose/],
    ["a task of obb", { metadata: { task: "obb" } }, /got one for obb/],
    ["a task of classify", { metadata: { task: "classify" } }, /got one for classify/],
    ["a task to segment and no prototypes", { metadata: { task: "segment" } }, /mask prototypes/],
    [
      "another number of classes than names",
      { metadata: { names: "{0: 'a', 1: 'b'}" } },
      /6 values a detection \(2 classes, 0 mask coefficients\)/,
    ],
    [
      "another number of coefficients than prototypes",
      { outputs: [[1, 84, 8400], prototypes], metadata: { names: coco } },
      /116 values a detection \(80 classes, 32 mask coefficients\)/,
    ],
    [
      "an end-to-end head with a pose's rows",
      { outputs: [[1, 300, 57]], metadata: { end2end: "True" } },
      /6 values a detection/,
    ],
    ["channels for boxes alone", { outputs: [[1, 4, 8400]] }, /4 values a detection \(0 classes/],
  ];
  for (const [what, described, message] of refused) {
    test(`is not what has ${what}`, () => {
      assert.throws(
        () => read(described),
        (error) => {
          assert.ok(isOrangeryError(error, "MODEL_NOT_YOLO"));
          assert.match(error.message, message);
          assert.match(error.message, /`model\.onnx`/);
          return true;
        },
      );
    });
  }
});
