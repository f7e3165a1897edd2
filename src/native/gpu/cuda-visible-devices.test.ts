import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { findCudaGpu, type GpuIdentity } from "./cuda-visible-devices.ts";

const gpu = (index: number, uuid: string, name = "NVIDIA L4"): GpuIdentity => ({
  index,
  name,
  uuid,
});

const alike = [gpu(0, "GPU-aa11"), gpu(1, "GPU-aa22"), gpu(2, "GPU-bb33"), gpu(3, "GPU-cc44")];
const mixed = [gpu(0, "GPU-aa11", "NVIDIA T4"), gpu(1, "GPU-bb22", "NVIDIA H200")];

/** The NVML index of cuda:0, cuda:1, … up to the first that is not there. */
function visibleIndices(gpus: readonly GpuIdentity[], env: NodeJS.ProcessEnv): number[] {
  const indices: number[] = [];
  for (let ordinal = 0; ; ordinal++) {
    const found = findCudaGpu({ ordinal, gpus, env });
    if (found === undefined) return indices;
    indices.push(found.index);
  }
}

describe("CUDA_VISIBLE_DEVICES decides which GPU cuda:N is", () => {
  const rows: [visibleDevices: string | undefined, indices: number[], why: string][] = [
    ["", [], "empty: none"],
    [undefined, [0, 1, 2, 3], "unset: all"],
    ["-1", [], "the usual way to say none"],
    ["NoDevFiles", [], "another usual way"],
    ["0", [0], "one"],
    ["2,0", [2, 0], "in the order given"],
    [" 3 , 1 ", [3, 1], "spaces do not matter"],
    ["1,-1,2", [1], "a negative entry ends the list"],
    ["1,9,2", [1], "an entry that names no GPU ends the list"],
    ["1,,2", [1], "so does an empty one"],
    ["1,1", [], "the same GPU twice: none"],
    ["1gpu,2", [1, 2], "digits count, what follows them does not"],
    ["GPU-bb33,GPU-aa11", [2, 0], "whole UUIDs"],
    ["GPU-b,GPU-c", [2, 3], "beginnings of UUIDs"],
    ["GPU-aa", [], "a beginning that two GPUs share names none"],
    ["GPU-bb33,1", [2], "a number in a list of UUIDs ends it"],
    ["1,GPU-bb33", [1], "and the other way round"],
    ["GPU-bb33,GPU-b", [], "the same GPU twice, by UUID"],
    ["MIG-5c9f-1", [], "a part of a GPU is not counted as the whole"],
  ];
  for (const [visibleDevices, indices, why] of rows) {
    test(`${JSON.stringify(visibleDevices) ?? "unset"}: ${why}`, () => {
      const env = visibleDevices === undefined ? {} : { CUDA_VISIBLE_DEVICES: visibleDevices };
      assert.deepEqual(visibleIndices(alike, env), indices);
    });
  }

  test("a machine without a GPU has no cuda:0", () => {
    assert.equal(findCudaGpu({ ordinal: 0, gpus: [], env: {} }), undefined);
  });

  test("the environment is the process's own unless another is given", () => {
    const before = process.env.CUDA_VISIBLE_DEVICES;
    process.env.CUDA_VISIBLE_DEVICES = "3";
    try {
      assert.equal(findCudaGpu({ ordinal: 0, gpus: alike })?.index, 3);
    } finally {
      if (before === undefined) delete process.env.CUDA_VISIBLE_DEVICES;
      else process.env.CUDA_VISIBLE_DEVICES = before;
    }
  });
});

describe("CUDA_DEVICE_ORDER matters where GPUs are of several models", () => {
  test("fastest first, the default, is known to CUDA alone", () => {
    assert.deepEqual(visibleIndices(mixed, {}), []);
    assert.deepEqual(visibleIndices(mixed, { CUDA_VISIBLE_DEVICES: "1" }), []);
    assert.deepEqual(visibleIndices(mixed, { CUDA_DEVICE_ORDER: "FASTEST_FIRST" }), []);
  });

  test("by PCI address is NVML's own order", () => {
    const env = { CUDA_DEVICE_ORDER: "PCI_BUS_ID" };
    assert.deepEqual(visibleIndices(mixed, env), [0, 1]);
    assert.deepEqual(visibleIndices(mixed, { ...env, CUDA_VISIBLE_DEVICES: "1" }), [1]);
  });

  test("UUIDs need no order", () => {
    assert.deepEqual(visibleIndices(mixed, { CUDA_VISIBLE_DEVICES: "GPU-bb22,GPU-aa11" }), [1, 0]);
  });
});
