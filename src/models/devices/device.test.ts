import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import {
  arenasOf,
  cpu,
  devicesToTry,
  executionProvider,
  parseDevice,
  readDeviceOptions,
} from "./device.ts";

describe("a device's name", () => {
  const read: [name: string, workerId: number, label: string][] = [
    ["cpu", 3, "cpu"],
    ["webgpu", 3, "webgpu"],
    ["coreml", 3, "coreml"],
    ["cuda:0", 3, "cuda:0"],
    ["cuda:12", 3, "cuda:12"],
    ["cuda:007", 3, "cuda:7"],
    ["cuda", 3, "cuda:3"],
    ["cuda", 0, "cuda:0"],
    ["cuda", 4096, "cuda:4096"],
    ["tensorrt:1", 3, "tensorrt:1"],
    ["directml", 2, "directml:2"],
  ];
  for (const [name, workerId, label] of read) {
    test(`${name} is ${label} for worker ${workerId}`, () => {
      assert.equal(parseDevice(name, workerId).label, label);
    });
  }

  for (const name of ["", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1.5", "cuda:0:1"]) {
    test(`is not \`${name}\``, () => {
      assert.throws(() => parseDevice(name), { code: "DEVICE_UNKNOWN", details: { device: name } });
    });
  }
  for (const name of ["cuda:1234", "cpu:0", "webgpu:0", "auto"]) {
    test(`is not \`${name}\``, () => {
      assert.throws(() => parseDevice(name), { code: "DEVICE_UNKNOWN" });
    });
  }
});

describe("the devices to try", () => {
  const lists: [name: string, options: Parameters<typeof devicesToTry>[1], labels: string[]][] = [
    ["auto", { platform: "linux" }, ["cuda:0", "webgpu", "cpu"]],
    ["auto", { platform: "linux", workerId: 2 }, ["cuda:2", "webgpu", "cpu"]],
    ["auto", { platform: "win32", workerId: 1 }, ["cuda:1", "directml:1", "cpu"]],
    ["auto", { platform: "darwin", workerId: 1 }, ["cuda:1", "coreml", "cpu"]],
    ["auto", { platform: "freebsd", workerId: 1234 }, ["cuda:1234", "webgpu", "cpu"]],
    ["cpu", { workerId: 1 }, ["cpu"]],
    ["cuda", { workerId: 1 }, ["cuda:1", "cpu"]],
    ["tensorrt:0", { workerId: 1 }, ["tensorrt:0", "cpu"]],
  ];
  for (const [name, options, labels] of lists) {
    test(`for ${name} and ${JSON.stringify(options)} are ${labels.join(", ")}`, () => {
      assert.deepEqual(
        devicesToTry(name, options).map(({ label }) => label),
        labels,
      );
    });
  }
});

describe("the name of a plugin's device", () => {
  let cacheBefore: string | undefined;
  before(() => {
    cacheBefore = process.env.ORANGERY_CACHE;
    // Where nobody has added OpenVINO.
    process.env.ORANGERY_CACHE = "/nowhere";
  });
  afterEach(() => {
    delete process.env.ORANGERY_EP_LIBRARY;
  });
  after(() => {
    delete process.env.ORANGERY_CACHE;
    if (cacheBefore !== undefined) process.env.ORANGERY_CACHE = cacheBefore;
  });

  const names: [name: string, plugin: object][] = [
    ["openvino", { provider: "openvino", hardware: undefined, index: 0 }],
    ["openvino:2", { provider: "openvino", hardware: undefined, index: 2 }],
    ["openvino:gpu", { provider: "openvino", hardware: "gpu", index: 0 }],
    ["openvino.auto:npu:1", { provider: "openvino.auto", hardware: "npu", index: 1 }],
  ];
  for (const [name, plugin] of names) {
    test(`${name} is one where a plugin is named, and none elsewhere`, () => {
      assert.throws(() => parseDevice(name), { code: "DEVICE_UNKNOWN", message: /EP_LIBRARY/ });
      process.env.ORANGERY_EP_LIBRARY = "/some/plugin.so";
      const device = parseDevice(name);
      assert.deepEqual([device.label, device.kind, device.plugin], [name, "plugin", plugin]);
      assert.deepEqual(executionProvider(device).plugin, plugin);
      assert.deepEqual(devicesToTry(name), [device, cpu]);
    });
  }

  test("is OpenVINO's where no other plugin is there", () => {
    process.env.ORANGERY_EP_LIBRARY = "/some/libonnxruntime_providers_openvino_plugin.so";
    assert.equal(parseDevice("openvino.auto:cpu").kind, "plugin");
    for (const name of ["cuda0", "vulkan", "qnn:npu"]) {
      assert.throws(() => parseDevice(name), { code: "DEVICE_UNKNOWN" }, name);
    }
  });

  test("is no way around the names of ours", () => {
    process.env.ORANGERY_EP_LIBRARY = "/some/plugin.so";
    assert.equal(parseDevice("cuda:1").kind, "cuda");
    for (const name of [
      "cuda:x",
      "gpu",
      "auto:1",
      "npu",
      "OpenVINO",
      "openvino:tpu",
      "openvino:gpu:x",
      "openvino:",
    ]) {
      assert.throws(() => parseDevice(name), { code: "DEVICE_UNKNOWN" });
    }
  });
});

describe("the execution provider", () => {
  const limit = { gpuMemoryLimitBytes: 2 ** 30 };
  const providers: [
    name: string,
    options: Parameters<typeof executionProvider>[1],
    expected: object,
  ][] = [
    ["cpu", limit, { name: "cpu" }],
    ["webgpu", limit, { name: "webgpu" }],
    ["coreml", {}, { name: "coreml" }],
    ["directml:1", limit, { name: "directml", options: { device_id: "1" } }],
    [
      "cuda:1",
      {},
      { name: "cuda", options: { device_id: "1", arena_extend_strategy: "kNextPowerOfTwo" } },
    ],
    [
      "cuda:0",
      { ...limit, arenaGrowth: "as-requested" },
      {
        name: "cuda",
        options: {
          device_id: "0",
          arena_extend_strategy: "kSameAsRequested",
          gpu_mem_limit: "1073741824",
        },
      },
    ],
    ["tensorrt:2", {}, { name: "tensorrt", options: { device_id: "2" } }],
    [
      "tensorrt:2",
      limit,
      { name: "tensorrt", options: { device_id: "2", trt_max_workspace_size: "1073741824" } },
    ],
  ];
  test("of OpenVINO computes float32 in float32, on as many threads and streams as are asked for", () => {
    const plugin = { provider: "openvino", hardware: "cpu", index: 0 } as const;
    const device = { label: "openvino:cpu", kind: "plugin", index: 0, plugin } as const;
    const config = (options: Parameters<typeof executionProvider>[1]) =>
      JSON.parse(executionProvider(device, options).options!.load_config!);
    const gpu = { INFERENCE_PRECISION_HINT: "f32" };
    assert.deepEqual(config({}), { CPU: { ...gpu, NUM_STREAMS: "1" }, GPU: gpu });
    assert.deepEqual(config({ intraOpThreads: 4, streams: 2 }).CPU, {
      ...gpu,
      INFERENCE_NUM_THREADS: "4",
      NUM_STREAMS: "2",
    });
    const deviceOptions = { load_config: "{}" };
    assert.deepEqual(executionProvider(device, { deviceOptions }).options, deviceOptions);
  });

  test("takes options of the provider's own, of the caller or of the environment", () => {
    const env = { ORANGERY_DEVICE_OPTIONS: '{"num_streams":"2"}' };
    assert.deepEqual(readDeviceOptions(env), { num_streams: "2" });
    assert.deepEqual(readDeviceOptions({ ORANGERY_DEVICE_OPTIONS: "" }), {});
    for (const value of ["num_streams=2", "[]", '["a"]', "3", "null", '{"a":1}']) {
      const read = () => readDeviceOptions({ ORANGERY_DEVICE_OPTIONS: value });
      assert.throws(read, { code: "INVALID_ARGUMENT", message: /JSON object of texts/ });
    }
    const deviceOptions = { device_id: "7", enable_cuda_graph: "1" };
    assert.deepEqual(executionProvider(parseDevice("cuda:0"), { deviceOptions }).options, {
      device_id: "7",
      arena_extend_strategy: "kNextPowerOfTwo",
      enable_cuda_graph: "1",
    });
    assert.deepEqual(executionProvider(cpu, { deviceOptions }), { name: "cpu" });
  });

  for (const [name, options, expected] of providers) {
    test(`of ${name} with ${JSON.stringify(options)}`, () => {
      assert.deepEqual(executionProvider(parseDevice(name), options), expected);
    });
  }
});

describe("the arenas", () => {
  for (const [name, arenas] of [
    ["cpu", "cpu:0"],
    ["webgpu", "cpu:0"],
    ["cuda:1", "gpu:1;cpu:0"],
    ["tensorrt:0", "gpu:0;cpu:0"],
  ] as const) {
    test(`of ${name} are ${arenas}`, () => assert.equal(arenasOf(parseDevice(name)), arenas));
  }
});
