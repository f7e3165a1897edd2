import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { GraphBuilder } from "../graph-builder.ts";
import { createWeights } from "../onnx-tensor.ts";
import { readModel } from "./model-reader.ts";
import { serializeModel, serializeSplitModel } from "./model-writer.ts";
import { readWholeModel } from "./whole-model.ts";
import { WireWriter } from "./wire-writer.ts";

const fixtures = new URL("../../../../shared/fixtures/models/", import.meta.url);
const skip = existsSync(fixtures) ? false : "shared fixtures not present";

function smallModel() {
  const graph = new GraphBuilder("small");
  const x = graph.input("x", "float32", [1, "n", 3]);
  const weights = createWeights("weights", [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6));
  const y = graph.node("MatMul", [x, graph.initializer(weights)]);
  graph.output("y", y, "float32", [1, "n", 2]);
  return graph.toModel({
    metadata: [
      ["task", "detect"],
      ["names", "{0: 'Töpfe'}"],
    ],
  });
}

describe("readModel", () => {
  test("reads what serializeModel wrote", () => {
    const model = smallModel();
    const facts = readModel(serializeModel(model));
    assert.deepEqual(
      { ...facts, initializers: facts.initializers.map(({ name, dims }) => [name, dims]) },
      {
        irVersion: model.irVersion,
        producerName: "orangery",
        producerVersion: "",
        opsetVersions: new Map([["", model.opsetVersion]]),
        metadata: model.metadata,
        inputs: model.graph.inputs,
        outputs: model.graph.outputs,
        nodes: [
          { opType: "MatMul", inputs: ["x", "weights"] },
          { opType: "Identity", inputs: ["MatMul_0"] },
        ],
        initializers: [["weights", [3, 2]]],
      },
    );
    assert.deepEqual([...facts.metadata.keys()], ["task", "names"]);
  });

  test("gives weights as views of the bytes", () => {
    const bytes = serializeModel(smallModel());
    const { rawData } = readModel(bytes).initializers[0]!;
    assert.equal(rawData!.buffer, bytes.buffer);
    assert.deepEqual([...new Float32Array(rawData!.slice().buffer)], [1, 2, 3, 4, 5, 6]);
  });

  test("finds no weights where they are in a file beside, each from a page of its own on", () => {
    const graph = new GraphBuilder("split");
    const [five, seven] = [new Float32Array(2048).fill(5), new Float32Array(1025).fill(7)];
    const large = [five, seven].map((values, i) => graph.weights(`${i}`, [values.length], values));
    const small = graph.floats([1, 2]);
    for (const value of [...large, small]) graph.output(`out ${value}`, value, "float32", ["n"]);
    const { model, weights } = serializeSplitModel(graph.toModel(), "split.weights");
    const { initializers } = readModel(model);
    assert.deepEqual(
      initializers.map(({ rawData }) => rawData?.length),
      [undefined, undefined, 8],
    );
    const file = Buffer.concat(weights);
    const expected = [...five, ...seven];
    assert.deepEqual([...new Float32Array(file.buffer, file.byteOffset, 3073)], expected);
  });

  for (const [file, task, outputs, nodeCount, weightCount] of [
    ["plants-det.onnx", "detect", [[1, 5, 2100]], 353, 175],
    [
      "beds-seg.onnx",
      "segment",
      [
        [1, 37, 2100],
        [1, 32, 80, 80],
      ],
      391,
      201,
    ],
  ] as const) {
    test(`reads ${file} as PyTorch exported it`, { skip }, () => {
      const facts = readModel(readFileSync(new URL(file, fixtures)));
      assert.equal(facts.producerName, "pytorch");
      assert.deepEqual(facts.opsetVersions, new Map([["", 20]]));
      assert.equal(facts.metadata.get("task"), task);
      assert.deepEqual(facts.inputs, [
        { name: "images", elementType: "float32", dims: [1, 3, 320, 320] },
      ]);
      assert.deepEqual(
        facts.outputs.map(({ dims }) => dims),
        outputs,
      );
      assert.equal(facts.nodes.length, nodeCount);
      assert.equal(facts.initializers.length, weightCount);
      for (const { dims, rawData } of facts.initializers) {
        assert.equal(rawData?.length, 4 * dims.reduce((a, b) => a * b));
      }
    });
  }

  test("reads what other writers do differently", () => {
    const dim = (shape: WireWriter, write: (message: WireWriter) => void) =>
      shape.message(1, write);
    const value = (wire: WireWriter, name: string) => {
      wire.text(1, name);
      wire.message(2, (type) => {
        type.message(1, (tensorType) => {
          tensorType.integer(1, 99);
          tensorType.message(2, (shape) => {
            dim(shape, () => {});
            dim(shape, (message) => message.integer(1, -1));
            dim(shape, (message) => message.text(2, "n"));
            dim(shape, (message) => message.integer(1, 7));
          });
        });
      });
    };
    const wire = new WireWriter();
    wire.integer(1, 3);
    wire.message(7, (graph) => {
      graph.message(5, (tensor) => {
        tensor.bytes(1, Uint8Array.of(2, 0x80, 0x01)); // packed: 2, 128
        tensor.integer(2, 1);
        tensor.float(4, 1.5);
        tensor.text(8, "w");
      });
      graph.message(11, (input) => value(input, "w"));
      graph.message(11, (input) => value(input, "x"));
      graph.message(12, (output) => value(output, "y"));
    });
    wire.message(8, (opset) => {
      opset.text(1, "com.microsoft");
      opset.integer(2, 1);
    });
    const facts = readModel(wire.finish());
    const dims = ["?", "?", "n", 7];
    assert.deepEqual(facts.inputs, [{ name: "x", elementType: "undefined", dims }]);
    assert.deepEqual(facts.outputs, [{ name: "y", elementType: "undefined", dims }]);
    assert.deepEqual(facts.opsetVersions, new Map([["com.microsoft", 1]]));
    assert.deepEqual(facts.initializers, [
      { name: "w", elementType: "float32", dims: [2, 128], rawData: undefined },
    ]);
  });

  const bytes = serializeModel(smallModel());
  const written = (write: (wire: WireWriter) => void) => {
    const wire = new WireWriter();
    write(wire);
    return wire.finish();
  };
  const hostile: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ["nothing", new Uint8Array(), /got an empty file/],
    ["a checkpoint", Buffer.from("PK\x03\x04rest", "latin1"), /got a zip archive/],
    ["an ORT model", Buffer.from("\x00\x00\x00\x00ORTMrest", "latin1"), /\.ort format/],
    ["a JPEG picture", Uint8Array.of(0xff, 0xd8, 0xff, 0xe0), /got a JPEG picture/],
    ["a Git LFS pointer", Buffer.from("version https://git-lfs.github.com/spec/v1"), /Git LFS/],
    ["a web page", Buffer.from("<!doctype html>"), /HTML/],
    ["garbage", new Uint8Array(16).fill(0xff), /16 bytes that begin with ff ff/],
    ["a huge length", Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x08), /premature EOF/],
    ["an endless number", Uint8Array.of(0x08, ...new Array(20).fill(0x80)), /bytes that begin/],
    ["nested groups", new Uint8Array(1000).fill(0x0b), /recursion/],
    ["a model without a version", written((wire) => wire.message(7, () => {})), /no ONNX version/],
    ["a model without a graph", written((wire) => wire.integer(1, 8)), /no graph/],
    [
      "a graph as a number",
      written((wire) => {
        wire.integer(1, 8);
        wire.integer(7, 8);
        wire.message(8, () => {});
      }),
      /wrong wire type/,
    ],
    [
      "a graph without outputs",
      written((wire) => {
        wire.integer(1, 8);
        wire.message(7, () => {});
        wire.message(8, () => {});
      }),
      /no outputs/,
    ],
  ];
  for (const [name, content, message] of hostile) {
    test(`refuses ${name}, saying what came`, () => {
      assert.throws(
        () => readModel(content),
        (error) => isOrangeryError(error, "MODEL_NOT_ONNX") && message.test(error.message),
      );
    });
  }

  test("refuses a model that is cut off anywhere within its graph", () => {
    const metadataStart = Buffer.from(bytes).indexOf("task") - 6;
    for (let length = 0; length < metadataStart - 4; length++) {
      assert.throws(
        () => readModel(bytes.subarray(0, length)),
        (error) => isOrangeryError(error, "MODEL_NOT_ONNX"),
        `cut off after ${length} bytes`,
      );
    }
  });
});

describe("serializeModel", () => {
  test("refuses what exceeds protobuf's 2 GiB", () => {
    const wire = new WireWriter();
    const half = new Uint8Array(2 ** 30); // zero pages, never touched
    wire.bytes(9, half);
    wire.bytes(9, half);
    assert.throws(
      () => wire.finish(),
      (error) => isOrangeryError(error, "INVALID_ARGUMENT"),
    );
  });
});

test("readWholeModel refuses a model with weights in another file, and says what to give", () => {
  const weights = createWeights("weights", [2048], new Float32Array(2048));
  const graph = { name: "g", nodes: [], initializers: [weights], inputs: [], outputs: [] };
  const whole = { irVersion: 8, opsetVersion: 17, producerName: "", producerVersion: "", graph };
  const { model } = serializeSplitModel({ ...whole, metadata: new Map() }, "beside.bin");
  const message = /the tensor weights lies in another file\)\. Give the \.pt that was trained, or/;
  assert.throws(() => readWholeModel(model), { code: "MODEL_NOT_ONNX", message });
});
