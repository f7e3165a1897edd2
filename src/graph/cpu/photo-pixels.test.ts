import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { kernelLibrary } from "../../native/kernels/kernel-library.ts";
import { bareModel } from "../bare-model.fixture.ts";
import { inputKey } from "../byte-input.ts";
import { newNode } from "../new-node.ts";
import type { OnnxGraph, OnnxModel } from "../onnx-nodes.ts";
import { createWeights } from "../onnx-tensor.ts";
import { runModel } from "../run-model.fixture.ts";
import { runOurs } from "../run-ours.fixture.ts";
import { readPixels, splitPixels } from "./photo-pixels.ts";

const skip = kernelLibrary() === undefined && "there are no kernels for this machine";
const turned = { perm: [0, 2, 3, 1] };
const turn = (from: string, to: string, attributes = turned) =>
  newNode("Transpose", [from], to, attributes);
const photo = (elementType: "float32" | "uint8", channels = 3) => ({
  name: "x",
  elementType,
  dims: ["batch", channels, "height", "width"],
});
const output = (elementType: "float32" | "uint8", name = "y") => ({
  name,
  elementType,
  dims: ["y0", "y1", "y2", "y3"],
});
const dims = [2, 9, 7, 3];
/** Pixel by pixel; and the same in planes. */
const pixels = Uint8Array.from({ length: 2 * 9 * 7 * 3 }, (_, i) => (i * 97 + (i >> 4)) % 256);
const planes = Uint8Array.from(pixels, (_, i) => {
  const [picture, channel, place] = [Math.floor(i / 189), Math.floor(i / 63) % 3, i % 63];
  return pixels[189 * picture + 3 * place + channel]!;
});

describe("a photo for an int8 network", () => {
  const add = (from: string) => newNode("Max", [from, "eight"], "y");
  const quantized = ({ scale = 1 / 255, zero = 0, ...graph }: Partial<OnnxGraph & Scale> = {}) =>
    bareModel({
      nodes: [
        newNode("QuantizeLinear", ["x", "scale", "zero"], "bytes"),
        turn("bytes", "pixels"),
        add("pixels"),
      ],
      initializers: [
        createWeights("scale", [], Float32Array.of(scale)),
        createWeights("zero", [], Uint8Array.of(zero)),
        createWeights("eight", [], Uint8Array.of(8)),
      ],
      inputs: [photo("float32")],
      outputs: [output("uint8")],
      ...graph,
    });
  const bytes = ({ nodes = [turn("x", "pixels"), add("pixels")] }: Partial<OnnxGraph> = {}) =>
    quantized({ nodes, inputs: [photo("uint8")] });

  test("comes pixel by pixel in place of planes of float32 or bytes", async () => {
    const units = { data: Float32Array.from(planes, (byte) => byte / 255), dims: [2, 3, 9, 7] };
    for (const [model, x] of [
      [quantized(), units],
      [bytes(), { data: planes, dims: [2, 3, 9, 7] }],
    ] as const) {
      const changed = readPixels(model);
      assert.deepEqual(
        changed.graph.nodes.map(({ opType }) => opType),
        ["Max"],
      );
      assert.equal(changed.metadata.get(inputKey), "pixels");
      assert.deepEqual(changed.graph.inputs[0]!.dims, ["batch", "height", "width", 3]);
      const found = await runModel(changed, { x: { data: pixels, dims } });
      assert.deepEqual(found, await runModel(model, { x }));
    }
  });

  const others: Readonly<Record<string, OnnxModel>> = {
    "of grey": quantized({ inputs: [photo("float32", 1)] }),
    "whose bytes have another scale": quantized({ scale: 1 / 254 }),
    "whose bytes have another zero": quantized({ zero: 1 }),
    "whose bytes are an output": quantized({
      outputs: [output("uint8"), output("uint8", "bytes")],
    }),
    "that other nodes read": quantized({
      nodes: [...quantized().graph.nodes, newNode("Relu", ["x"], "z")],
    }),
    "that is turned otherwise": bytes({
      nodes: [turn("x", "pixels", { perm: [0, 3, 2, 1] }), add("pixels")],
    }),
    "whose planes are read, too": bytes({
      nodes: [turn("x", "pixels"), add("pixels"), newNode("Max", ["x", "eight"], "z")],
    }),
  };
  for (const [name, model] of Object.entries(others)) {
    test(`${name} stays as it is`, () => assert.equal(readPixels(model), model));
  }
});

interface Scale {
  readonly scale: number;
  readonly zero: number;
}

describe("a photo for a float32 network", () => {
  const model = bareModel({
    nodes: [newNode("Identity", ["x"], "y")],
    initializers: [],
    inputs: [photo("float32")],
    outputs: [output("float32")],
  });

  test("comes as bytes, pixel by pixel, and is split into planes", { skip }, async () => {
    const changed = splitPixels(model);
    assert.equal(changed.metadata.get(inputKey), "pixels");
    const found = await runOurs(changed, { data: pixels, dims });
    assert.deepEqual(found.dims, [2, 3, 9, 7]);
    assert.deepEqual(
      found.data,
      Float32Array.from(planes, (byte) => byte / 255),
    );
  });

  test("of grey, or of bytes already, stays as it is", () => {
    for (const input of [photo("float32", 1), photo("uint8")]) {
      const other = { ...model, graph: { ...model.graph, inputs: [input] } };
      assert.equal(splitPixels(other), other);
    }
  });
});
