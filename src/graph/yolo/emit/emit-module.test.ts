import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { GraphBuilder } from "../../graph-builder.ts";
import { type Floats, runModel } from "../../run-model.fixture.ts";
import type { ConvModule, YoloModule } from "../modules.ts";
import { RandomModules } from "../random-modules.fixture.ts";
import { moduleTable } from "./emit-module.ts";
import type { FeatureMap } from "./feature-map.ts";
import { ModuleEmitter } from "./module-emitter.ts";

/** Channels of rows of numbers. */
type Numbers = readonly (readonly (readonly number[])[])[];

/** Runs a module; its output has the size that the emitter says. */
async function outputOf(module: YoloModule, ...inputs: readonly Numbers[]): Promise<Numbers> {
  const graph = new GraphBuilder("module");
  const feeds: Record<string, Floats> = {};
  const maps = inputs.map((numbers, i): FeatureMap => {
    const [channels, rows, columns] = [numbers.length, numbers[0]!.length, numbers[0]![0]!.length];
    const dims = [1, channels, rows, columns];
    feeds[`x${i}`] = { data: Float32Array.from(numbers.flat(2)), dims };
    return { value: graph.input(`x${i}`, "float32", dims), channels, rows, columns };
  });
  const map = new ModuleEmitter(graph, moduleTable, 1000).emit("model.0", module, ...maps);
  graph.output("y", map.value, "float32", [1, "channels", "rows", "columns"]);
  const { data, dims } = (await runModel(graph.toModel(), feeds)).y!;
  assert.deepEqual(dims, [1, map.channels, map.rows, map.columns]);
  const [, channels, rows, columns] = dims as [number, number, number, number];
  return Array.from({ length: channels }, (_, channel) =>
    Array.from({ length: rows }, (_, row) => {
      const start = (channel * rows + row) * columns;
      return [...data.subarray(start, start + columns)];
    }),
  );
}

/** A convolution of 1×1 with these weights, row by output. */
function pointwise(...weights: readonly (readonly number[])[]): ConvModule {
  const random = new RandomModules(0);
  const conv = random.conv(weights[0]!.length, weights.length, { activation: "identity" });
  conv.weight.values.set(weights.flat());
  return conv;
}

const grid = [
  [
    [1, 2, 3],
    [4, 5, 6],
    [7, 8, 9],
  ],
];

describe("the forward pass of", () => {
  test("a pool of the largest, whose padding counts for nothing", async () => {
    const pool = { kind: "pool", of: "largest" } as const;
    const small = { ...pool, kernel: [2, 2], stride: [1, 1], padding: [0, 0] } as const;
    assert.deepEqual(await outputOf(small, grid), [
      [
        [5, 6],
        [8, 9],
      ],
    ]);
    const padded = { ...pool, kernel: [3, 3], stride: [2, 2], padding: [1, 1] } as const;
    const negative = grid.map((rows) => rows.map((row) => row.map((x) => -x)));
    assert.deepEqual(await outputOf(padded, negative), [
      [
        [-1, -2],
        [-4, -5],
      ],
    ]);
  });

  test("a pool of the mean", async () => {
    const pool = { kind: "pool", of: "mean", kernel: [2, 2], stride: [1, 1] } as const;
    assert.deepEqual(await outputOf({ ...pool, padding: [0, 0] }, grid), [
      [
        [3, 4],
        [6, 7],
      ],
    ]);
  });

  test("zeros around a map", async () => {
    const pad = { kind: "pad", top: 0, bottom: 1, left: 2, right: 0 } as const;
    assert.deepEqual(await outputOf(pad, [[[1, 2]]]), [
      [
        [0, 0, 1, 2],
        [0, 0, 0, 0],
      ],
    ]);
  });

  test("zeros around a map of negative numbers, of which the largest are taken", async () => {
    const pad = { kind: "pad", top: 0, bottom: 1, left: 0, right: 1 } as const;
    const kernel = { kernel: [2, 2], stride: [1, 1], padding: [0, 0] } as const;
    const pool = { kind: "pool", of: "largest", ...kernel } as const;
    const numbers = [
      [
        [-1, -2],
        [-3, -4],
      ],
    ];
    assert.deepEqual(await outputOf({ kind: "sequential", modules: [pad, pool] }, numbers), [
      [
        [-1, 0],
        [0, 0],
      ],
    ]);
  });

  test("a sum of channels of other maps, enlarged", async () => {
    const slices = [
      { first: 1, channels: 1 },
      { first: 0, channels: 1 },
    ];
    const two = [[[1, 2]], [[10, 20]]];
    const [small, large] = [[[[1]]], [[[100, 200]]]];
    assert.deepEqual(await outputOf({ kind: "fuse", slices }, two, large, large), [[[210, 420]]]);
    await assert.rejects(outputOf({ kind: "fuse", slices }, two, small, large), {
      message: /Expected 1 channels of 1×2 at model\.0, got 1 channels of 2×2|1 channels of 1×2/,
    });
    const square = [
      [
        [1, 2],
        [3, 4],
      ],
    ];
    const one = { kind: "fuse", slices: [slices[1]!] } as const;
    assert.deepEqual(await outputOf(one, [[[10]]], square), [
      [
        [11, 12],
        [13, 14],
      ],
    ]);
  });

  test("a residual with a shortcut of its own", async () => {
    const residual = {
      kind: "residual",
      modules: { conv: pointwise([2]) },
      shortcut: pointwise([10]),
    } as const;
    assert.deepEqual(await outputOf(residual, [[[1, 2]]]), [[[12, 24]]]);
  });

  for (const [deepHalf, expected] of [
    [0, [[[100]], [[2]]]],
    [1, [[[1]], [[200]]]],
  ] as const) {
    test(`a C2 whose half ${deepHalf} is deep`, async () => {
      const swapless = pointwise([1, 0], [0, 1]);
      const m = { kind: "sequential", modules: [pointwise([100])] } as const;
      const c2 = { kind: "c2", cv1: swapless, cv2: swapless, m, deepHalf } as const;
      assert.deepEqual(await outputOf(c2, [[[1]], [[2]]]), expected);
    });
  }

  test("steps that are all joined", async () => {
    const all = pointwise([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]);
    const [cv2, cv3] = [pointwise([10]), pointwise([10])];
    const elan = { kind: "elan", cv1: pointwise([1, 0], [0, 1]), cv2, cv3, cv4: all } as const;
    assert.deepEqual(await outputOf(elan, [[[1]], [[2]]]), [[[1]], [[2]], [[20]], [[200]]]);
  });

  test("a ghost of a convolution beside it", async () => {
    const ghost = { kind: "ghost", cv1: pointwise([2]), cv2: pointwise([3]) } as const;
    assert.deepEqual(await outputOf(ghost, [[[1]]]), [[[2]], [[6]]]);
  });

  test("a downsampling by a convolution and by a pool", async () => {
    const cv1 = { ...pointwise([10]), stride: [2, 2] } as const;
    const halves = [grid[0]!, grid[0]!];
    // Means 3, 4; 6, 7 of each.
    const module = { kind: "downsample", cv1, cv2: pointwise([1]) } as const;
    assert.deepEqual(await outputOf(module, halves), [[[30]], [[7]]]);
  });

  test("a pyramid whose pools follow each other", async () => {
    const join = pointwise([1, 0, 0], [0, 1, 0], [0, 0, 1]);
    const sppf = { kind: "sppf", cv1: pointwise([1]), join, joinName: "cv5" } as const;
    const row = [[[5, 0, 0, 0]]];
    assert.deepEqual(await outputOf({ ...sppf, poolSize: 3, poolCount: 2, add: false }, row), [
      [[5, 0, 0, 0]],
      [[5, 5, 0, 0]],
      [[5, 5, 5, 0]],
    ]);
  });
});
