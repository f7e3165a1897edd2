/**
 * OpenVINO's plugin, for real, where ORANGERY_TEST_OPENVINO names its library
 * (`libonnxruntime_providers_openvino_plugin.so` of PyPI's `onnxruntime-ep-openvino`).
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serializeModel } from "../../src/graph/onnx/model-writer.ts";
import { buildYolo11 } from "../../src/graph/yolo/yolo11.fixture.ts";
import { executionProvider, parseDevice } from "../../src/models/devices/device.ts";
import { proveDevice } from "../../src/models/devices/device-proof.ts";
import { onnxRuntime } from "../../src/native/onnx-runtime.ts";
import { addPluginLibraries } from "../../src/native/providers/plugins.ts";
import type { CreateSessionOptions } from "../../src/native/runtime.ts";

const plugin = process.env.ORANGERY_TEST_OPENVINO;
const skip = plugin === undefined && "ORANGERY_TEST_OPENVINO names no plugin";
const size = 320;
const rounds = 12;

describe("OpenVINO's plugin", { skip, timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "orangery-openvino-"));
  after(() => rmSync(folder, { recursive: true }));
  before(() => {
    addPluginLibraries([cpus()[0]!.model.includes("Intel") ? plugin! : compileFront()]);
  });

  function compileFront(): string {
    const library = join(folder, "libintel-cpu.so");
    const source = fileURLToPath(new URL("intel-cpu.test.c", import.meta.url));
    execFileSync("gcc", ["-shared", "-fPIC", "-Wall", "-Werror", "-o", library, source, "-ldl"]);
    return library;
  }

  test("is proved", async () => {
    await proveDevice(parseDevice("openvino"), { runtime: onnxRuntime });
    await proveDevice(parseDevice("openvino:cpu"), { runtime: onnxRuntime });
    const gpu = proveDevice(parseDevice("openvino:gpu:9"), { runtime: onnxRuntime });
    await assert.rejects(gpu, { code: "DEVICE_UNAVAILABLE", message: /offers openvino:cpu/ });
  });

  test("computes a network as our CPU provider does", async (t) => {
    const network = {
      scale: "n",
      task: "detect",
      classCount: 80,
      imageSize: size,
      seed: 3,
    } as const;
    const model = serializeModel(buildYolo11(network));
    const open = (options: CreateSessionOptions) => onnxRuntime.createSession(model, options);
    await using ours = await open({});
    await using theirs = await open({
      provider: executionProvider(parseDevice("openvino:cpu")),
      config: { "session.disable_cpu_ep_fallback": "1" },
    });
    using input = onnxRuntime.createTensor("float32", [1, 3, size, size]);
    input.data.set(Array.from({ length: input.data.length }, (_, at) => ((at * 7919) % 256) / 255));

    async function run(session: typeof ours): Promise<{ values: Float32Array; cpuMs: number }> {
      const before = process.cpuUsage();
      const outputs = await session.run({ [session.inputs[0]!.name]: input });
      const { user, system } = process.cpuUsage(before);
      using output = Object.values(outputs)[0]!;
      return {
        values: Float32Array.from(output.data as Float32Array),
        cpuMs: (user + system) / 1e3,
      };
    }

    const times: { ours: number; theirs: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      const [expected, found] = [await run(ours), await run(theirs)];
      const worst = expected.values.reduce(
        (most, value, at) => Math.max(most, Math.abs(value - found.values[at]!)),
        0,
      );
      // In bfloat16, which it would take by itself on a processor with AMX, it is 12.
      assert.ok(worst < 0.05, `boxes and scores differ by up to ${worst}`);
      times.push({ ours: expected.cpuMs, theirs: found.cpuMs });
    }
    const ratios = times.map(({ ours, theirs }) => theirs / ours).sort((a, b) => a - b);
    t.diagnostic(`${ratios[rounds >> 1]!.toFixed(2)} of the CPU time of our CPU provider`);
  });
});
