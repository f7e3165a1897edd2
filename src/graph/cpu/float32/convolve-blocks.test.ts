import assert from "node:assert/strict";
import { mkdtempDisposable, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { kernelLibrary } from "../../../native/kernels/kernel-library.ts";
import { onnxRuntime } from "../../../native/onnx-runtime.ts";
import type { Session } from "../../../native/runtime.ts";
import { GraphBuilder, type Value } from "../../graph-builder.ts";
import { serializeModel } from "../../onnx/model-writer.ts";
import { readWholeModel } from "../../onnx/whole-model.ts";
import type { OnnxModel } from "../../onnx-nodes.ts";
import { seededFloats } from "../seeded-floats.fixture.ts";
import { convolveBlocks } from "./convolve-blocks.ts";

const lanes = kernelLibrary()?.lanes ?? 0;
const skip = lanes === 0 && "there are no kernels for this machine";

let folder: Awaited<ReturnType<typeof mkdtempDisposable>>;
before(async () => {
  folder = await mkdtempDisposable(join(tmpdir(), "orangery-convolve-"));
});
after(async () => await folder[Symbol.asyncDispose]());

interface Layer {
  readonly inputs?: number;
  readonly outputs?: number;
  readonly kernel?: number;
  readonly stride?: number;
  readonly pad?: number;
  readonly attributes?: Readonly<Record<string, number | readonly number[] | string>>;
}

let seed = 0;

/** A convolution of the layer's extents; its inputs and outputs are whole blocks of 8 and of 16. */
function convolve(graph: GraphBuilder, x: Value, layer: Layer = {}): Value {
  const { inputs = 32, outputs = 32, kernel = 3, stride = 1, pad = 1, attributes } = layer;
  const count = (outputs * inputs * kernel ** 2) / Number(attributes?.group ?? 1);
  seed++;
  const dims = [outputs, count / outputs / kernel ** 2, kernel, kernel];
  // Sums of as many products as a place sees are of about 1.
  const scale = Math.sqrt((2 * outputs) / count);
  const values = seededFloats(count, seed).map((value) => scale * value);
  const weights = graph.weights(`w${seed}`, dims, values);
  const bias = graph.weights(`b${seed}`, [outputs], seededFloats(outputs, seed));
  return graph.node("Conv", [x, weights, bias], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    ...attributes,
  });
}

function silu(graph: GraphBuilder, x: Value): Value {
  return graph.node("Mul", [x, graph.node("Sigmoid", [x])]);
}

/** A network of what `body` makes of images of so many channels, as the runtime optimises it. */
async function optimized(
  channels: number,
  body: (graph: GraphBuilder, x: Value) => readonly Value[],
): Promise<OnnxModel> {
  const graph = new GraphBuilder("layers");
  const images = graph.input("images", "float32", ["batch", channels, "height", "width"]);
  for (const [i, value] of body(graph, images).entries()) {
    graph.output(`output${i}`, value, "float32", ["batch", "channels", "rows", "columns"]);
  }
  const saveOptimizedTo = join(folder.path, "optimized.onnx");
  await using _ = await onnxRuntime.createSession(serializeModel(graph.toModel()), {
    saveOptimizedTo,
  });
  return readWholeModel(await readFile(saveOptimizedTo), { otherDomains: true });
}

async function open(model: OnnxModel, intraOpThreads = 1): Promise<Session> {
  const how = { unoptimized: true, kernels: true, intraOpThreads };
  return await onnxRuntime.createSession(serializeModel(model), how);
}

interface Output {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

async function run(session: Session, shape: readonly number[]): Promise<Output[]> {
  using images = onnxRuntime.createTensor("float32", shape);
  images.data.set(seededFloats(images.data.length, 3));
  const outputs = await session.run({ images });
  return Object.values(outputs).map((output) => {
    using held = output;
    return { shape: held.shape, data: Float32Array.from(held.data as Float32Array) };
  });
}

const sizes = [
  [1, 9, 11],
  [2, 24, 20],
  [1, 5, 40],
  [3, 33, 7],
] as const;

/** Requires the same numbers but for rounding, for images of several sizes, and of all threads. */
async function requireSame(model: OnnxModel, channels: number): Promise<OnnxModel> {
  const replaced = convolveBlocks(model, lanes);
  assert.ok(replaced !== undefined, "nothing was replaced");
  await using before = await open(model);
  await using after = await open(replaced);
  // More than the few threads for which parts are larger.
  await using shared = await open(replaced, 5);
  for (const [batch, height, width] of sizes) {
    const shape = [batch, channels, height, width];
    const found = await run(after, shape);
    for (const [i, expected] of (await run(before, shape)).entries()) {
      const { data } = found[i]!;
      assert.deepEqual(found[i]!.shape, expected.shape);
      const largest = expected.data.reduce((most, value) => Math.max(most, Math.abs(value)), 5);
      const at = expected.data.findIndex(
        (value, place) => !(Math.abs(value - data[place]!) < 2e-5 * largest),
      );
      assert.ok(at === -1, `${shape}, ${at}: ${expected.data[at]}, ${data[at]}`);
    }
    assert.deepEqual(await run(shared, shape), found);
  }
  return replaced;
}

const namesOf = ({ graph }: OnnxModel) => graph.nodes.map(({ opType }) => opType);

describe("a convolution whose channels are in blocks", { skip }, () => {
  const layers: Readonly<Record<string, Layer>> = {
    "of 3 × 3": {},
    "of 3 × 3, with an odd number of blocks": { inputs: 48, outputs: 80 },
    "of 3 × 3, with many channels": { inputs: 160, outputs: 96 },
    "of 3 × 3, with more weights than caches keep": { inputs: 352, outputs: 336 },
    "of 3 × 3, by two pixels": { stride: 2 },
    "of 3 × 3, by two pixels, with an odd number of blocks": { inputs: 48, outputs: 80, stride: 2 },
    "of 3 × 3, by three pixels": { stride: 3 },
    "of 3 × 3, by two pixels, with few channels": { inputs: 16, stride: 2 },
    "of 3 × 3, with nothing around": { pad: 0 },
    "of 3 × 3, with more to see than the cache holds": { inputs: 240, outputs: 80, pad: 0 },
    "of 3 × 3, with more around than it sees": { pad: 3 },
    "of one pixel": { kernel: 1, pad: 0 },
    "of one pixel, with many channels": { kernel: 1, pad: 0, inputs: 320, outputs: 272 },
    "of one pixel, with something around": { kernel: 1, pad: 1 },
    "of one pixel, by two pixels, with something around": { kernel: 1, pad: 2, stride: 2 },
    "of one pixel, by two pixels": { kernel: 1, pad: 0, stride: 2 },
    "of 5 × 5": { kernel: 5, pad: 2 },
    "of 2 × 2, by two pixels": { kernel: 2, pad: 0, stride: 2 },
  };
  for (const [name, layer] of Object.entries(layers)) {
    const { inputs = 32, kernel = 3, stride = 1, pad = 1 } = layer;
    const isTiled = kernel === 3 && pad === 1 && stride <= (inputs > 16 ? 2 : 1);
    test(`${name}: the same numbers, with a SiLU and without`, async () => {
      const model = await optimized(inputs, (graph, x) => [
        convolve(graph, x, layer),
        silu(graph, convolve(graph, x, layer)),
      ]);
      const replaced = await requireSame(model, inputs);
      const operator = isTiled ? "ConvolveTiles" : "Convolve";
      assert.equal(namesOf(replaced).filter((opType) => opType === operator).length, 2);
      assert.ok(!namesOf(replaced).includes("QuickGelu"));
    });
  }

  test("takes values that would be put together for it as they are", async () => {
    const whole = { kernel: 1, pad: 0 };
    const model = await optimized(32, (graph, x) => {
      const values = [32, 48, 16].map((outputs) => convolve(graph, x, { outputs }));
      const all = graph.node("Concat", values, { axis: 1 });
      return [1, 2].map(() => convolve(graph, all, { ...whole, inputs: 96 }));
    });
    const replaced = await requireSame(model, 32);
    assert.ok(namesOf(model).includes("Concat"));
    assert.ok(!namesOf(replaced).includes("Concat"));
  });

  test("has them put together where something else reads that, or it is by tiles", async () => {
    for (const layer of [{}, { kernel: 1, pad: 0 }]) {
      const isWhole = layer.kernel === 1;
      const model = await optimized(32, (graph, x) => {
        const all = graph.node("Concat", [convolve(graph, x), convolve(graph, x)], { axis: 1 });
        return [convolve(graph, all, { ...layer, inputs: 64 }), ...(isWhole ? [all] : [])];
      });
      assert.ok(namesOf(await requireSame(model, 32)).includes("Concat"));
    }
  });

  test("adds what is added to it, computed before or after", async () => {
    for (const isTiled of [true, false]) {
      const layer = isTiled ? {} : { kernel: 1, pad: 0 };
      const model = await optimized(32, (graph, x) => {
        const value = convolve(graph, x);
        const first = graph.node("Add", [value, silu(graph, convolve(graph, value, layer))]);
        const second = silu(graph, convolve(graph, first, layer));
        const third = silu(graph, convolve(graph, convolve(graph, first), layer));
        return [graph.node("Add", [second, third]), first];
      });
      assert.equal(namesOf(model).filter((name) => name === "Add").length, 2);
      assert.ok(!namesOf(await requireSame(model, 32)).includes("Add"));
    }
  });

  test("leaves a sum to the runtime whose terms are of two sizes", async () => {
    const model = await optimized(32, (graph, x) => {
      const mean = graph.node("GlobalAveragePool", [convolve(graph, x)]);
      return [
        graph.node("Add", [convolve(graph, x), convolve(graph, mean, { kernel: 1, pad: 0 })]),
      ];
    });
    await requireSame(model, 32);
  });

  test("keeps a SiLU whose value is read elsewhere too", async () => {
    const model = await optimized(32, (graph, x) => {
      const convolved = convolve(graph, x);
      return [silu(graph, convolved), convolve(graph, convolved)];
    });
    assert.ok(namesOf(await requireSame(model, 32)).includes("QuickGelu"));
  });

  test("is whole where it moves by two pixels and sees few of them", async () => {
    const model = await optimized(32, (graph, x) => {
      let value = x;
      for (let i = 0; i < 6; i++) value = convolve(graph, value, { stride: 2 });
      return [value];
    });
    const names = namesOf(await requireSame(model, 32)).filter((name) => name.startsWith("Conv"));
    assert.deepEqual(names, [...Array(4).fill("ConvolveTiles"), "Convolve", "Convolve"]);
  });

  const others: Readonly<Record<string, Layer>> = {
    "has gaps": { attributes: { dilations: [2, 2] } },
    "has groups": { attributes: { group: 2 } },
    "has more around on one side": { attributes: { pads: [0, 1, 2, 1] } },
    "moves differently down and across": { attributes: { strides: [1, 2] } },
  };
  for (const [name, layer] of Object.entries(others)) {
    test(`is the runtime's own where it ${name}`, async () => {
      const model = await optimized(32, (graph, x) => [convolve(graph, x, layer)]);
      assert.ok(convolveBlocks(model, lanes) === undefined);
    });
  }

  test("is the runtime's own where it has another activation", async () => {
    const model = await optimized(32, (graph, x) => [graph.node("Relu", [convolve(graph, x)])]);
    assert.ok(convolveBlocks(model, lanes) === undefined);
  });
});

test("a network without channels in blocks has nothing to replace", { skip }, async () => {
  const model = await optimized(3, (graph, x) => [convolve(graph, x, { inputs: 3, outputs: 5 })]);
  assert.ok(convolveBlocks(model, lanes) === undefined);
});

describe("an operator that does not fit its values", { skip }, () => {
  const faults: Readonly<Record<string, (node: OnnxModel["graph"]["nodes"][number]) => object>> = {
    "too few weights": () => ({ inputs: ["b", "b", "images"] }),
    "a pad that tiles cannot have": (node) => ({
      attributes: { ...node.attributes, pad: { type: "int", value: 2 } },
    }),
    "a stride of 0": (node) => ({
      attributes: { ...node.attributes, stride: { type: "int", value: 0 } },
    }),
    "no attributes": () => ({ attributes: {} }),
  };
  for (const [name, fault] of Object.entries(faults)) {
    test(`fails with a sentence: ${name}`, async () => {
      const model = await optimized(32, (graph, x) => [convolve(graph, x)]);
      const replaced = convolveBlocks(model, lanes)!;
      const nodes = replaced.graph.nodes.map((node) =>
        node.opType === "ConvolveTiles" ? { ...node, ...fault(node) } : node,
      );
      const damaged = { ...replaced, graph: { ...replaced.graph, nodes } };
      await assert.rejects(
        async () => {
          await using session = await open(damaged);
          await run(session, [1, 32, 9, 9]);
        },
        { code: "ORT_FAILED" },
      );
    });
  }
});
