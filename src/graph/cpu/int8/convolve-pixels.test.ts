import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { kernelLibrary } from "../../../native/kernels/kernel-library.ts";
import { loadLibrary } from "../../../native/library/load-library.ts";
import { toOnnxAttributes } from "../../attributes.ts";
import { bareModel } from "../../bare-model.fixture.ts";
import { inputKey } from "../../byte-input.ts";
import type { OnnxModel } from "../../onnx-nodes.ts";
import { createWeights } from "../../onnx-tensor.ts";
import { runModel } from "../../run-model.fixture.ts";
import { runOurs } from "../../run-ours.fixture.ts";
import { convolvePixels } from "./convolve-pixels.ts";

interface FirstConvolution {
  readonly channels?: number;
  readonly outputs?: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly pads?: readonly number[];
  readonly dilation?: number;
  readonly group?: number;
  readonly inputZero?: number;
  readonly weightZero?: number;
  readonly largest?: number;
  readonly layout?: string;
  readonly hasBias?: boolean;
}

function makeModel({
  channels = 3,
  outputs = 6,
  kernel = 3,
  stride = 2,
  pads = [1, 1, 1, 1],
  dilation = 1,
  group = 1,
  inputZero = 0,
  weightZero = 0,
  largest = 64,
  layout = "pixels",
  hasBias = true,
}: FirstConvolution = {}): OnnxModel {
  const length = outputs * (channels / group) * kernel ** 2;
  const weights = Int8Array.from({ length }, (_, i) =>
    i === 0 ? -largest : ((i * 29) % 127) - 63,
  );
  const value = (name: string, dims: readonly (number | string)[]) => ({
    name,
    elementType: "uint8" as const,
    dims,
  });
  const perOutput = <T>(from: (i: number) => T) =>
    Array.from({ length: outputs }, (_, i) => from(i));
  const model = bareModel({
    nodes: [
      {
        name: "conv",
        opType: "QLinearConv",
        domain: "com.microsoft",
        inputs: ["x", "s", "xz", "w", "ws", "wz", "ys", "yz", ...(hasBias ? ["b"] : [])],
        outputs: ["y"],
        attributes: toOnnxAttributes("QLinearConv", {
          channels_last: 1,
          group,
          kernel_shape: [kernel, kernel],
          strides: [stride, stride],
          dilations: [dilation, dilation],
          pads,
        }),
      },
    ],
    initializers: [
      createWeights("s", [], Float32Array.of(1 / 255)),
      createWeights("xz", [], Uint8Array.of(inputZero)),
      createWeights("w", [outputs, channels / group, kernel, kernel], weights),
      createWeights("ws", [outputs], Float32Array.from(perOutput((i) => 0.003 * (i + 1)))),
      createWeights("wz", [outputs], new Int8Array(outputs).fill(weightZero)),
      createWeights("ys", [], Float32Array.of(0.0173)),
      createWeights("yz", [], Uint8Array.of(99)),
      createWeights("b", [outputs], Int32Array.from(perOutput((i) => 1000 * i - 2500))),
    ],
    inputs: [value("x", ["batch", "height", "width", channels])],
    outputs: [value("y", ["y0", "y1", "y2", outputs])],
  });
  return { ...model, metadata: new Map([[inputKey, layout]]) };
}

const file = kernelLibrary()?.file;
const skip = file === undefined && "there are no kernels for this machine";

describe("the first convolution of an int8 network", () => {
  const choose = skip
    ? undefined
    : loadLibrary(file!).func("orangery_choose_convolve_pixels", "bool", ["int"]);
  after(() => choose?.(2) || choose?.(1));

  const convolutions: Readonly<Record<string, FirstConvolution>> = {
    "of a usual network": {},
    "of as many outputs as are computed at a time": { outputs: 16 },
    "of more": { outputs: 40 },
    "without a bias": { hasBias: false },
    "of a large kernel": { kernel: 6, pads: [2, 2, 2, 2] },
    "of each pixel": { stride: 1 },
    "of one pixel": { kernel: 1, pads: [0, 0, 0, 0] },
  };
  for (const [name, how] of Object.entries(convolutions)) {
    test(`${name} gives the same bytes, in each way to compute it`, { skip }, async () => {
      const model = makeModel(how);
      const changed = convolvePixels(model);
      assert.deepEqual(
        changed.graph.nodes.map(({ opType }) => opType),
        ["ConvolvePixels"],
      );
      for (const [batch, height, width] of [
        [1, 6, 6],
        [1, 8, 12],
        [2, 7, 9],
        [2, 33, 50],
      ] as const) {
        const dims = [batch, height, width, 3];
        const length = dims.reduce((a, b) => a * b);
        const x = { data: Uint8Array.from({ length }, (_, i) => (i * 97 + (i >> 4)) % 256), dims };
        const expected = await runModel(model, { x });
        assert.ok(new Set(expected.y!.data).size > 20, "the outputs differ by place");
        for (const way of [0, 1, 2]) {
          // The session sets the quickest of this processor: it is chosen once that is open.
          const chosen = () => choose!(way);
          assert.deepEqual(await runOurs(changed, x, chosen), expected.y, `way ${way}`);
        }
      }
    });
  }

  const others: Readonly<Record<string, FirstConvolution>> = {
    "of grey": { channels: 1 },
    "of each channel by itself": { group: 3 },
    "of bytes around another value": { inputZero: 1 },
    "of weights around another value": { weightZero: 1 },
    "of weights that might overflow": { largest: 65 },
    "of taps apart from each other": { dilation: 2 },
    "of other pads on each side": { pads: [0, 0, 1, 1] },
    "of a photo in planes": { layout: "planes" },
  };
  for (const [name, how] of Object.entries(others)) {
    test(`${name} stays as it is`, () => {
      const model = makeModel(how);
      assert.deepEqual(convolvePixels(model), model);
    });
  }
});
