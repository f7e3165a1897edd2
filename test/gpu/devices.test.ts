/**
 * `npm run test:gpu`: what only a machine with a GPU can show. A device that is not there is
 * skipped, with the reason. WebGPU needs no more than a Vulkan driver; a software one will do,
 * slowly.
 */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { serializeModel } from "../../src/graph/onnx/model-writer.ts";
import { buildYolo11 } from "../../src/graph/yolo/yolo11.fixture.ts";
import { ModelCache } from "../../src/models/cache/model-cache.ts";
import { parseDevice } from "../../src/models/devices/device.ts";
import { proveDevice } from "../../src/models/devices/device-proof.ts";
import { openNvml } from "../../src/native/gpu/nvml.ts";
import { liveNativeObjects } from "../../src/native/library/native-object.ts";
import { onnxRuntime } from "../../src/native/onnx-runtime.ts";
import { tryFloat16 } from "../../src/pipeline/precision/float16-trial.ts";
import { whyRefused } from "../../src/pipeline/precision/precision-proof.ts";
import { examplePhotos } from "../cli.fixture.ts";

const photo = {
  data: Uint8Array.from({ length: 3 * 96 * 96 }, (_, index) => (index * 7) % 256),
  widthPx: 96,
  heightPx: 96,
};

for (const device of ["cuda:0", "tensorrt:0", "webgpu"]) {
  const reason = await whyNot(device);
  describe(device, { skip: reason }, () => {
    let folder: string;
    let model: string;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "orangery-gpu-"));
      model = join(folder, "yolo11n.onnx");
      const network = {
        scale: "n",
        task: "segment",
        classCount: 3,
        imageSize: 96,
        seed: 5,
      } as const;
      await writeFile(model, serializeModel(buildYolo11(network)));
    });
    after(async () => {
      await rm(folder, { recursive: true });
      assert.deepEqual(liveNativeObjects(), {}, "every native object is released");
    });

    test("finds what the CPU finds", async () => {
      await using onDevice = new ModelCache({
        models: { segment: model },
        device,
        requireDevice: true,
      });
      await using onCpu = new ModelCache({ models: { segment: model }, forceCpu: true });
      const options = { confidence: 0.001, maxDetections: 20 };
      const [there, here] = await Promise.all(
        [onDevice, onCpu].map(async (cache) =>
          (await cache.get("segment")).predict(photo, options),
        ),
      );
      assert.equal(there!.device, device);
      assert.equal(here!.device, "cpu");
      assert.equal(there!.detections.length, here!.detections.length);
      for (const [index, detection] of [...there!.detections].entries()) {
        const expected = here!.detections.at(index);
        assert.ok(Math.abs(detection.score - expected.score) < 0.002);
        for (const [edge, value] of detection.boxXyxy.entries()) {
          assert.ok(Math.abs(value - expected.boxXyxy[edge]!) < 0.5);
        }
      }
    });

    test("counts in float16 as in float32", async () => {
      const proof = await tryFloat16({
        count: { detect: { file: "sample:seedlings" } },
        photos: [1, 2, 3].map((index) => join(examplePhotos, `tray-${index}.jpg`)),
        read: (path) => readFile(path),
        device,
      });
      assert.deepEqual([proof.device, proof.checkedOn], [device, 3]);
      assert.equal(whyRefused(proof), undefined);
    });

    test("gives working memory back, and goes on", async () => {
      await using cache = new ModelCache({
        models: { segment: model },
        device,
        requireDevice: true,
        trimEvery: 2,
      });
      const segment = await cache.get("segment");
      let trims = 0;
      cache.on("memory:trim", () => {
        trims++;
      });
      for (let task = 0; task < 4; task += 1) {
        await segment.predict(photo);
        await cache.taskDone();
      }
      assert.equal(trims, 2);
      if (device !== "webgpu" && openNvml() !== undefined) {
        assert.ok(cache.info().memory.gpus[0]!.usedBytes > 0);
      }
    });
  });
}

async function whyNot(device: string): Promise<string | false> {
  try {
    await proveDevice(parseDevice(device), { runtime: onnxRuntime });
    return false;
  } catch (error) {
    return (error as Error).message.trim();
  }
}
