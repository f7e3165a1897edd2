import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type GpuMemory, type MemoryReading, readMemory, takenBytes } from "./memory-reading.ts";

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

describe("a reading of memory", () => {
  it("has this process's, and no GPU where none is in use", () => {
    for (const devices of [[], ["cpu", "webgpu", "directml:0"]]) {
      const { processBytes, gpus } = readMemory(devices);
      assert.ok(processBytes > 1e6);
      assert.deepEqual(gpus, []);
    }
  });

  it("leaves out GPUs that are not there", () => {
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
      "of the process, where the driver tells nothing of the GPU",
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
    it(`is ${what}`, () => assert.equal(takenBytes(device, before, after), bytes));
  }
});
