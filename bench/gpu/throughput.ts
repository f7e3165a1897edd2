/**
 * Pictures a second of a network on a device, by batch: the bare provider with tensors that are
 * ready, and the whole prediction of decoded pictures, both with two runs in flight, in turn.
 *
 *     node bench/gpu/throughput.ts DEVICE MODEL.pt float32|float16
 */
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

console.log(`${path} in ${precision} on ${device}, ${side} × ${side}`);
for (const batch of [1, 2, 4, 8, 16, 32]) {
  const tensors = [0, 1].map(() => {
    const tensor = onnxRuntime.createTensor("uint8", [batch, side, side, 3]);
    for (let at = 0; at < tensor.data.length; at += picture.data.length) {
      tensor.data.set(picture.data, at);
    }
    return tensor;
  });
  const pictures = Array<typeof picture>(batch).fill(picture);
  const runBare = async (tensor: Tensor) => {
    for (const output of Object.values(await bare.run({ [input!.name]: tensor }))) {
      output[Symbol.dispose]();
    }
  };
  const both = {
    bare: () => Promise.all(tensors.map(runBare)),
    ours: () => Promise.all([0, 1].map(() => model.predictBatch(pictures))),
  };
  const startMs = performance.now();
  await both.bare();
  const firstMs = performance.now() - startMs;
  await both.ours();
  const timesMs: { bare: number[]; ours: number[] } = { bare: [], ours: [] };
  const endMs = performance.now() + 1500;
  while (performance.now() < endMs || timesMs.ours.length < 5) {
    for (const way of ["bare", "ours"] as const) {
      const beforeMs = performance.now();
      await both[way]();
      timesMs[way].push(performance.now() - beforeMs);
    }
  }
  for (const tensor of tensors) tensor[Symbol.dispose]();
  const perSecond = (times: number[]) => (2000 * batch) / median(times);
  const [bareRate, ourRate] = [perSecond(timesMs.bare), perSecond(timesMs.ours)];
  console.log(
    `batch ${batch}: first ${Math.round(firstMs)} ms, bare ${Math.round(bareRate)}/s, ` +
      `ours ${Math.round(ourRate)}/s, ${(ourRate / bareRate).toFixed(2)} of bare`,
  );
}
