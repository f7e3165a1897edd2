/**
 * Pictures a second of a network on a device, by batch: the bare provider with tensors that are
 * ready, the same with tensors whose pages CUDA has locked, which it need not copy before it
 * uploads them, and the whole prediction of decoded pictures, all with two runs in flight, in turn.
 *
 *     node bench/gpu/throughput.ts DEVICE MODEL.pt float32|float16
 */
import koffi from "koffi";
import { ModelCache } from "../../src/models/cache/model-cache.ts";
import { executionProvider, parseDevice } from "../../src/models/devices/device.ts";
import { buildNetwork } from "../../src/models/files/built-network.ts";
import { identifyModelFile } from "../../src/models/files/model-file.ts";
import { onnxRuntime } from "../../src/native/onnx-runtime.ts";
import type { Tensor } from "../../src/native/runtime.ts";
import { median } from "../figures.ts";

const [device = "cuda:0", path, precision] = process.argv.slice(2);
const half = precision === "float16";
const side = 640;
const file = await identifyModelFile(path!);
const { bytes } = await buildNetwork(file, {
  imageSize: "dynamic",
  batch: "dynamic",
  target: "gpu",
  change: half ? { kind: "halved", input: "bytes" } : undefined,
});
const provider = executionProvider(parseDevice(device));
await using bare = await onnxRuntime.createSession(bytes, { provider });
const [input] = bare.inputs;
await using cache = new ModelCache({
  models: { detect: half ? { file: path!, precision: "float16" } : path! },
  device,
  requireDevice: true,
});
const model = await cache.get("detect");
const picture = {
  data: Uint8Array.from({ length: 3 * side * side }, (_, i) => (i * 7919) % 256),
  widthPx: side,
  heightPx: side,
};

const pages = openPages();

console.log(`${path} in ${precision} on ${device}, ${side} × ${side}`);
for (const batch of [1, 2, 4, 8, 16, 32]) {
  const tensors = [0, 1, 2, 3].map(() => {
    const tensor = onnxRuntime.createTensor("uint8", [batch, side, side, 3]);
    for (let at = 0; at < tensor.data.length; at += picture.data.length) {
      tensor.data.set(picture.data, at);
    }
    return tensor;
  });
  const [usual, locked] = [tensors.slice(0, 2), tensors.slice(2)];
  for (const { data } of locked) pages?.lock(data);
  const pictures = Array<typeof picture>(batch).fill(picture);
  const runBare = async (tensor: Tensor) => {
    for (const output of Object.values(await bare.run({ [input!.name]: tensor }))) {
      output[Symbol.dispose]();
    }
  };
  const ways = {
    bare: () => Promise.all(usual.map(runBare)),
    locked: () => Promise.all(locked.map(runBare)),
    ours: () => Promise.all([0, 1].map(() => model.predictBatch(pictures))),
  };
  const startMs = performance.now();
  await ways.bare();
  const firstMs = performance.now() - startMs;
  await ways.ours();
  const timesMs: Record<keyof typeof ways, number[]> = { bare: [], locked: [], ours: [] };
  const endMs = performance.now() + 1500;
  while (performance.now() < endMs || timesMs.ours.length < 5) {
    for (const way of ["bare", "locked", "ours"] as const) {
      const beforeMs = performance.now();
      await ways[way]();
      timesMs[way].push(performance.now() - beforeMs);
    }
  }
  for (const { data } of locked) pages?.unlock(data);
  for (const tensor of tensors) tensor[Symbol.dispose]();
  const perSecond = (times: number[]) => (2000 * batch) / median(times);
  const [bareRate, ourRate] = [perSecond(timesMs.bare), perSecond(timesMs.ours)];
  const lockedRate = pages === undefined ? "no" : `${Math.round(perSecond(timesMs.locked))}/s`;
  console.log(
    `batch ${batch}: first ${Math.round(firstMs)} ms, bare ${Math.round(bareRate)}/s, ` +
      `with locked pages ${lockedRate}, ` +
      `ours ${Math.round(ourRate)}/s, ${(ourRate / bareRate).toFixed(2)} of bare`,
  );
}

/** CUDA's locking of pages; undefined on other devices. */
function openPages() {
  if (!device.startsWith("cuda")) return undefined;
  const cuda = koffi.load("libcudart.so.13");
  const [lock, unlock] = [
    cuda.func("int cudaHostRegister(void *memory, size_t bytes, uint flags)"),
    cuda.func("int cudaHostUnregister(void *memory)"),
  ];
  const check = (status: number) => {
    if (status !== 0) throw new Error(`CUDA does not lock pages: error ${status}`);
  };
  return {
    lock: (data: Uint8Array) => check(lock(data, data.byteLength, 0)),
    unlock: (data: Uint8Array) => check(unlock(data)),
  };
}
