import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type GpuMemory, type MemoryReading, readMemory, takenBytes } from "./memory-reading.ts";

const canCompile =
  process.platform === "linux" && spawnSync("gcc", ["--version"]).error === undefined;

function reading(processBytes: number, gpu?: Partial<GpuMemory>): MemoryReading {
  const gpus = gpu && [
    {
      device: "cuda:0",
      totalBytes: 1000,
      usedBytes: 0,
      processBytes: undefined,
      busyPercent: undefined,
      ...gpu,
    },
  ];
  return { processBytes, gpus: gpus ?? [] };
}

// The library is opened once for the thread, so this comes before what reads without it.
describe("a reading of GPUs", { skip: !canCompile && "needs Linux and gcc" }, () => {
  const gib = 1024 ** 3;
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "orangery-nvml-"));
    const library = join(folder, "libnvidia-ml.so.1");
    const source = fileURLToPath(new URL("../../native/gpu/nvml.test.c", import.meta.url));
    execFileSync("gcc", ["-shared", "-fPIC", "-o", library, source]);
    process.env.ORANGERY_NVML_LIBRARY = library;
    delete process.env.CUDA_VISIBLE_DEVICES;
  });
  after(() => {
    delete process.env.ORANGERY_NVML_LIBRARY;
    delete process.env.FAKE_NVML_LOST;
    rmSync(folder, { recursive: true, force: true });
  });

  test("has an entry for each one in use, whatever uses it", () => {
    assert.deepEqual(readMemory(["cuda:0", "cpu", "cuda:0", "tensorrt:1"]).gpus, [
      {
        device: "cuda:0",
        totalBytes: 141 * gib,
        usedBytes: 5 * gib,
        processBytes: 6 * gib + 7,
        busyPercent: 87,
      },
      {
        device: "tensorrt:1",
        totalBytes: 24 * gib,
        usedBytes: 5 * gib + 1,
        processBytes: undefined,
        busyPercent: 88,
      },
    ]);
  });

  test("leaves out one that cannot be read any more", () => {
    process.env.FAKE_NVML_LOST = "1";
    assert.deepEqual(readMemory(["cuda:0"]).gpus, []);
  });
});

describe("a reading of memory", () => {
  test("has this process's, and no GPU where none is in use", () => {
    for (const devices of [[], ["cpu", "webgpu", "directml:0"]]) {
      const { processBytes, gpus } = readMemory(devices);
      assert.ok(processBytes > 1e6);
      assert.deepEqual(gpus, []);
    }
  });

  test("leaves out GPUs that are not there", () => {
    assert.deepEqual(readMemory(["cuda:999", "cuda:999", "tensorrt:998"]).gpus, []);
  });
});

describe("what a load took", () => {
  const loads: [
    what: string,
    device: string,
    before: MemoryReading,
    after: MemoryReading,
    bytes: number,
  ][] = [
    ["nothing", "cpu", reading(100), reading(100), 0],
    ["of the process", "cpu", reading(100), reading(130), 30],
    ["less than nothing, when other memory went", "cpu", reading(100), reading(70), 0],
    [
      "of the process, where the driver reports nothing of the GPU",
      "cuda:0",
      reading(100),
      reading(130),
      30,
    ],
    [
      "of the GPU, whatever the process took",
      "cuda:0",
      reading(100, { usedBytes: 500, processBytes: 200 }),
      reading(900, { usedBytes: 990, processBytes: 250 }),
      50,
    ],
    [
      "of the GPU, of which this process had nothing before",
      "cuda:0",
      reading(100, { usedBytes: 500 }),
      reading(100, { usedBytes: 990, processBytes: 250 }),
      250,
    ],
    [
      "of the GPU as a whole, where the driver does not know processes",
      "cuda:0",
      reading(100, { usedBytes: 500 }),
      reading(100, { usedBytes: 560 }),
      60,
    ],
    [
      "of another GPU's readings: none",
      "cuda:1",
      reading(100, { usedBytes: 500 }),
      reading(101, { usedBytes: 560 }),
      1,
    ],
  ];
  for (const [what, device, before, after, bytes] of loads) {
    test(`is ${what}`, () => assert.equal(takenBytes(device, before, after), bytes));
  }
});
