/** A worker thread for shared-session.test.ts: obeys messages, one by one. */
import { parentPort, workerData } from "node:worker_threads";
import { onnxRuntime } from "../onnx-runtime.ts";
import type { SharedSession, Tensor } from "../runtime.ts";

export type Order = "open" | "run" | "start a run" | "keep a tensor" | "close" | "end" | "exit";

export interface ThreadData {
  readonly key: string;
  /** Its bytes, or the path of a saved network, which is mapped. */
  readonly model: Uint8Array | string;
  /** Extent of the square input `x`. */
  readonly size: number;
}

const { key, model, size } = workerData as ThreadData;
let opened: SharedSession | undefined;
const kept: Tensor[] = [];

async function open(): Promise<boolean> {
  opened = await onnxRuntime.openSharedSession(key, {
    load: async (signal) => {
      const mapped = typeof model === "string";
      return { session: await onnxRuntime.createSession(model, { signal, mapped }) };
    },
  });
  return opened.loaded !== undefined;
}

async function run(): Promise<number> {
  using x = onnxRuntime.createTensor("float32", [size, size]);
  x.data.fill(2);
  using y = (await opened!.session.run({ x })).y!;
  return y.data[0] as number;
}

function keep(): void {
  const x = onnxRuntime.createTensor("float32", [size, size]);
  x.data.fill(2);
  kept.push(x);
}

parentPort!.on("message", async (order: Order) => {
  let answer: unknown = order;
  if (order === "open") answer = await open();
  if (order === "run") answer = await run();
  if (order === "start a run") void run();
  if (order === "keep a tensor") keep();
  if (order === "close") await opened!.session[Symbol.asyncDispose]();
  if (order === "end") parentPort!.close();
  parentPort!.postMessage(answer);
  if (order === "exit") process.exit();
});
