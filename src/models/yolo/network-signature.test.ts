import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
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
      "with two classes and so few anchors that its head looks end-to-end",
      { outputs: [[1, 6, 6]], metadata: { task: "detect", names: "{0: 'a', 1: 'b'}" } },
      { head: "raw", names: ["a", "b"] },
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
      { input: [1, 3, 256, 320], metadata: { imgsz: "[640, 640]" } },
      { fixedSizeHw: [256, 320], defaultSizeHw: [256, 320] },
    ],
    [
      "of which one side is free: the metadata fixes it",
      { input: [1, 3, 480, "width"], metadata: { imgsz: "[640, 640]" } },
      { fixedSizeHw: [480, 640], defaultSizeHw: [480, 640] },
    ],
    ["of float16", { inputType: "float16", outputType: "float16" }, { inputType: "float16" }],
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

  const image = { name: "images", elementType: "float32", shape: [1, 3, 640, 640] };
  const refused: [what: string, described: Described, message: RegExp][] = [
    ["no input", { inputs: [] }, /one input of shape .* got none/],
    ["two inputs", { inputs: [image, image] }, /got images: float32 \(1, 3, 640, 640\); images/],
    ["an input without a batch", { input: [3, 640, 640] }, /one input of shape/],
    ["a batch of four", { input: [4, 3, 640, 640] }, /one input of shape \(1, 3, height, width\)/],
    ["a grey input", { input: [1, 1, 640, 640] }, /one input of shape/],
    ["an input of bytes", { inputType: "uint8" }, /an input of float32 or float16 .* got uint8/],
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
