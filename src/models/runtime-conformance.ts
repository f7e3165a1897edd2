import "../base/required-runtime.ts";
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
// The default import: an older Node lacks some names, and must get far enough to report which Node
// is needed.
import files from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isOrangeryError } from "../errors.ts";
import { GraphBuilder } from "../graph/graph-builder.ts";
import { serializeModel } from "../graph/onnx/model-writer.ts";
import type { ElementType, Runtime, Tensor, TensorData } from "../native/runtime.ts";

/** One thing that every runtime must do. */
export interface ConformanceCase {
  /** A sentence about the runtime. */
  readonly name: string;
  /** Rejects where the runtime does otherwise. */
  check(runtime: Runtime): Promise<void>;
}

/**
 * The behaviour that Orangery relies on in a runtime, as checks for any test runner:
 *
 * ```ts
 * for (const { name, check } of runtimeConformance) test(name, () => check(myRuntime));
 * ```
 */
export const runtimeConformance: readonly ConformanceCase[] = [
  {
    name: "passes tensors of every element type through unchanged",
    async check(runtime) {
      for (const [elementType, data] of Object.entries(samples)) {
        await using session = await runtime.createSession(
          identityModel(elementType as ElementType),
        );
        using x = runtime.createTensor(elementType as ElementType, [2, 3]);
        x.data.set(data as never);
        const { y } = await session.run({ x });
        using output = y!;
        assert.equal(output.elementType, elementType);
        assert.deepEqual(output.shape, [2, 3]);
        assert.deepEqual([...output.data], [...data]);
      }
    },
  },
  {
    name: "takes an empty tensor and a scalar",
    async check(runtime) {
      using empty = runtime.createTensor("float32", [0, 3]);
      assert.equal(empty.data.length, 0);
      using scalar = runtime.createTensor("int64", []);
      scalar.data[0] = -7n;
      assert.deepEqual([...scalar.data], [-7n]);
    },
  },
  {
    name: "empties a tensor's data when it is disposed",
    async check(runtime) {
      const tensor = runtime.createTensor("float32", [4]);
      const { data } = tensor;
      tensor[Symbol.dispose]();
      tensor[Symbol.dispose]();
      assert.equal(tensor.disposed, true);
      assert.equal(data.length, 0);
    },
  },
  {
    name: "refuses shapes that no tensor can have",
    async check(runtime) {
      for (const shape of [[-1], [1.5], [Number.NaN], [2 ** 60]]) {
        assert.throws(() => runtime.createTensor("float32", shape), isCoded("INVALID_ARGUMENT"));
      }
    },
  },
  {
    name: "lists inputs, outputs, symbolic extents and metadata",
    async check(runtime) {
      await using session = await runtime.createSession(sumModel());
      assert.deepEqual(session.inputs, [
        { name: "a", elementType: "float32", shape: [1, "n"] },
        { name: "b", elementType: "float32", shape: [1, "n"] },
      ]);
      assert.deepEqual(
        session.outputs.map(({ name }) => name),
        ["sum", "product"],
      );
      assert.deepEqual([...session.metadata].sort(), [
        ["names", "{0: 'ünï'}"],
        ["task", "detect"],
      ]);
    },
  },
  {
    name: "computes, and writes into output tensors that it is given",
    async check(runtime) {
      await using session = await runtime.createSession(sumModel());
      using a = filled(runtime, [1, 2, 3]);
      using b = filled(runtime, [10, 20, 30]);
      using mine = filled(runtime, [0, 0, 0]);
      const outputs = await session.run({ a, b }, { outputs: { product: mine } });
      using sum = outputs.sum!;
      assert.deepEqual([...sum.data], [11, 22, 33]);
      assert.equal(outputs.product, mine);
      assert.deepEqual([...mine.data], [10, 40, 90]);
    },
  },
  {
    name: "loads what it has saved optimised, mapped, with the same metadata and numbers",
    async check(runtime) {
      await using folder = await files.mkdtempDisposable(join(tmpdir(), "orangery-conformance-"));
      const file = join(folder.path, "sum.optimised");
      await using session = await runtime.createSession(sumModel(), { saveOptimizedTo: file });
      // A library without its own format writes nothing.
      if (!existsSync(file)) return;
      await using mapped = await runtime.createSession(file, { mapped: true });
      assert.deepEqual(mapped.inputs, session.inputs);
      assert.deepEqual(mapped.metadata, session.metadata);
      using a = filled(runtime, [1, 2, 3]);
      const { sum, product } = await mapped.run({ a, b: a });
      assert.deepEqual([...sum!.data, ...product!.data], [2, 4, 6, 1, 4, 9]);
      for (const tensor of [sum!, product!]) tensor[Symbol.dispose]();
    },
  },
  {
    name: "refuses inputs and outputs that the model does not have",
    async check(runtime) {
      await using session = await runtime.createSession(sumModel());
      using a = filled(runtime, [1]);
      await assert.rejects(session.run({ a }), isCoded("INVALID_ARGUMENT"));
      await assert.rejects(session.run({ a, b: a, c: a }), isCoded("INVALID_ARGUMENT"));
      await assert.rejects(
        session.run({ a, b: a }, { outputs: { nothing: a } }),
        isCoded("INVALID_ARGUMENT"),
      );
    },
  },
  {
    name: "reports shapes that do not fit as a failed run",
    async check(runtime) {
      await using session = await runtime.createSession(sumModel());
      using a = filled(runtime, [1, 2, 3]);
      using b = filled(runtime, [1, 2]);
      await assert.rejects(session.run({ a, b }), isCoded("ORT_FAILED"));
    },
  },
  {
    name: "overlaps runs on one session, and lets inputs be disposed while they are read",
    async check(runtime) {
      await using session = await runtime.createSession(slowModel({ steps: 20, size: 64 }));
      const runs = [1, 2, 3].map(async (value) => {
        using x = runtime.createTensor("float32", [64, 64]);
        x.data.fill(value);
        const running = session.run({ x });
        x[Symbol.dispose]();
        const { y } = await running;
        using output = y!;
        return output.data[0];
      });
      assert.deepEqual(await Promise.all(runs), [1, 2, 3]);
    },
  },
  {
    name: "stops a run whose signal aborts, with the signal's reason, and can run again",
    async check(runtime) {
      await using session = await runtime.createSession(slowModel({ steps: 400, size: 512 }));
      using x = runtime.createTensor("float32", [512, 512]);
      x.data.fill(1);
      const reason = new Error("enough");
      const aborter = new AbortController();
      const running = session.run({ x }, { signal: aborter.signal });
      setImmediate(() => aborter.abort(reason));
      await assert.rejects(running, (error) => error === reason);
      await assert.rejects(
        session.run({ x }, { signal: aborter.signal }),
        (error) => error === reason,
      );
      await session.trimMemory("cpu:0");
    },
  },
  {
    name: "waits for runs in flight when a session is disposed, then refuses more",
    async check(runtime) {
      const session = await runtime.createSession(slowModel({ steps: 20, size: 128 }));
      using x = runtime.createTensor("float32", [128, 128]);
      x.data.fill(3);
      const running = session.run({ x });
      await session[Symbol.asyncDispose]();
      await session[Symbol.asyncDispose]();
      using y = (await running).y!;
      assert.equal(y.data[0], 3);
      assert.equal(session.disposed, true);
      await assert.rejects(session.run({ x }), isCoded("TENSOR_RELEASED"));
    },
  },
  {
    name: "rejects bytes and files that are no model",
    async check(runtime) {
      await assert.rejects(runtime.createSession(new Uint8Array([1, 2, 3])), isCoded("ORT_FAILED"));
      await assert.rejects(runtime.createSession("/no/such/model.onnx"), isCoded("ORT_FAILED"));
    },
  },
  {
    name: "does not begin a load whose signal has aborted",
    async check(runtime) {
      const reason = new Error("too late");
      await assert.rejects(
        runtime.createSession(sumModel(), { signal: AbortSignal.abort(reason) }),
        (error) => error === reason,
      );
    },
  },
  {
    name: "loads a shared session once, and again after the last one has left",
    async check(runtime) {
      let loads = 0;
      const load = async (signal: AbortSignal | undefined) => {
        loads++;
        return { session: await runtime.createSession(sumModel(), { signal }) };
      };
      const key = uniqueKey();
      const opened = await Promise.all(
        Array.from({ length: 5 }, () => runtime.openSharedSession(key, { load })),
      );
      assert.equal(loads, 1);
      assert.equal(opened.filter(({ loaded }) => loaded !== undefined).length, 1);
      for (const [index, { session }] of opened.entries()) {
        using a = filled(runtime, [index]);
        using b = filled(runtime, [1]);
        const outputs = await session.run({ a, b });
        assert.equal(outputs.sum!.data[0], index + 1);
        for (const tensor of Object.values(outputs)) tensor[Symbol.dispose]();
        await session[Symbol.asyncDispose]();
      }
      const again = await runtime.openSharedSession(key, { load });
      assert.ok(again.loaded !== undefined);
      await again.session[Symbol.asyncDispose]();
    },
  },
  {
    name: "forgets a shared load that failed",
    async check(runtime) {
      const key = uniqueKey();
      const broken = async () => {
        throw new Error("broken");
      };
      await assert.rejects(runtime.openSharedSession(key, { load: broken }), /broken/);
      const { session, loaded } = await runtime.openSharedSession(key, {
        load: async () => ({ session: await runtime.createSession(sumModel()) }),
      });
      assert.ok(loaded !== undefined);
      await session[Symbol.asyncDispose]();
    },
  },
  {
    name: "does not load for a waiter that has left when the load that it waited for fails",
    async check(runtime) {
      const key = uniqueKey();
      const gate = Promise.withResolvers<void>();
      let loads = 0;
      const fail = async () => {
        loads++;
        await gate.promise;
        throw new Error("broken");
      };
      const first = runtime.openSharedSession(key, { load: fail });
      const aborter = new AbortController();
      const second = runtime.openSharedSession(key, { load: fail, signal: aborter.signal });
      // Time to join the queue, and below for a caller that had not left it to get its turn.
      await new Promise((resolve) => setTimeout(resolve, 30));
      aborter.abort(new Error("left"));
      await assert.rejects(second, /left/);
      gate.resolve();
      await assert.rejects(first, /broken/);
      await new Promise((resolve) => setTimeout(resolve, 30));
      const { session, loaded } = await runtime.openSharedSession(key, {
        load: async () => ({ session: await runtime.createSession(sumModel()) }),
      });
      assert.deepEqual([loads, loaded === undefined], [1, false]);
      await session[Symbol.asyncDispose]();
    },
  },
  {
    name: "lets a waiter of a shared load leave without disturbing the others",
    async check(runtime) {
      const key = uniqueKey();
      const gate = Promise.withResolvers<void>();
      let loads = 0;
      const load = async (signal: AbortSignal | undefined) => {
        loads++;
        await gate.promise;
        return { session: await runtime.createSession(sumModel(), { signal }) };
      };
      const aborter = new AbortController();
      const leaving = runtime.openSharedSession(key, { load, signal: aborter.signal });
      const staying = runtime.openSharedSession(key, { load });
      aborter.abort(new Error("left"));
      await assert.rejects(leaving, /left/);
      gate.resolve();
      const { session } = await staying;
      assert.equal(loads, 1);
      await session[Symbol.asyncDispose]();
    },
  },
];

const samples: { readonly [T in ElementType]: TensorData[T] } = {
  float32: Float32Array.of(0, -1.5, 3e38, -0, 1e-40, 0.1),
  float16: Float16Array.of(0, -1.5, 65504, 0.25, 6e-8, 1),
  uint8: Uint8Array.of(0, 1, 127, 128, 254, 255),
  int64: BigInt64Array.of(0n, -1n, 2n ** 62n, -(2n ** 62n), 5n, 6n),
};

function identityModel(elementType: ElementType): Uint8Array {
  const graph = new GraphBuilder("identity");
  graph.output("y", graph.input("x", elementType, [2, 3]), elementType, [2, 3]);
  return serializeModel(graph.toModel());
}

function sumModel(): Uint8Array {
  const graph = new GraphBuilder("sum");
  const a = graph.input("a", "float32", [1, "n"]);
  const b = graph.input("b", "float32", [1, "n"]);
  graph.output("sum", graph.node("Add", [a, b]), "float32", [1, "n"]);
  graph.output("product", graph.node("Mul", [a, b]), "float32", [1, "n"]);
  const metadata = [
    ["task", "detect"],
    ["names", "{0: 'ünï'}"],
  ] as const;
  return serializeModel(graph.toModel({ metadata }));
}

/** Multiplies by the identity matrix, again and again. */
function slowModel({ steps, size }: { steps: number; size: number }): Uint8Array {
  const graph = new GraphBuilder("slow");
  const x = graph.input("x", "float32", [size, size]);
  const shape = graph.ints([size, size]);
  const identity = graph.node("EyeLike", [graph.node("ConstantOfShape", [shape])]);
  // Depends on the input, so that the optimiser cannot fold it into a constant.
  const weights = graph.node("Add", [identity, graph.node("Mul", [x, 0])]);
  let y = x;
  for (let step = 0; step < steps; step += 1) y = graph.node("MatMul", [y, weights]);
  graph.output("y", y, "float32", [size, size]);
  return serializeModel(graph.toModel());
}

function filled(runtime: Runtime, values: readonly number[]): Tensor<"float32"> {
  const tensor = runtime.createTensor("float32", [1, values.length]);
  tensor.data.set(values);
  return tensor;
}

let keys = 0;

function uniqueKey(): string {
  keys++;
  return `conformance ${process.pid} ${performance.now()} ${keys}`;
}

function isCoded(code: "INVALID_ARGUMENT" | "ORT_FAILED" | "TENSOR_RELEASED") {
  return (error: unknown) => isOrangeryError(error, code);
}
