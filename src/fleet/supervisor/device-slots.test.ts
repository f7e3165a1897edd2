import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { workerIdFromName } from "../../tasks/worker-id.ts";
import { parseDeviceSlots } from "./device-slots.ts";

const options = { host: "host", cores: 8, found: { cuda: [], hasOtherGpu: false } };

describe("devices become slots", () => {
  const rows: [text: string, names: string[], devices: string[], threads: number][] = [
    ["cpu", ["cpu0@host"], ["cpu"], 0],
    ["cpu*2", ["cpu0@host", "cpu1@host"], ["cpu", "cpu"], 4],
    ["cuda:0,cuda:1", ["gpu0@host", "gpu1@host"], ["cuda:0", "cuda:1"], 4],
    ["cuda:1*2", ["gpu1@host", "gpu1-2@host"], ["cuda:1", "cuda:1"], 4],
    ["cuda", ["gpu0@host"], ["cuda:0"], 0],
    ["cuda:1, cpu*2", ["gpu1@host", "cpu0@host", "cpu1@host"], ["cuda:1", "cpu", "cpu"], 2],
    ["cpu*20", Array.from({ length: 20 }, (_, i) => `cpu${i}@host`), Array(20).fill("cpu"), 1],
    ["webgpu", ["gpu0@host"], ["webgpu"], 0],
  ];
  for (const [text, names, devices, threads] of rows) {
    test(text, () => {
      const slots = parseDeviceSlots(text, options);
      assert.deepEqual(
        slots.map(({ name }) => name),
        names,
      );
      assert.deepEqual(
        slots.map(({ device }) => device),
        devices,
      );
      for (const { name, workerId, requireDevice, intraOpThreads } of slots) {
        assert.deepEqual([requireDevice, intraOpThreads], [true, threads]);
        if (name.startsWith("gpu")) assert.equal(workerIdFromName(name, {}), workerId);
      }
    });
  }

  test("auto is every CUDA device that there is, another one being good enough", () => {
    const found = { cuda: ["cuda:0", "cuda:1"], hasOtherGpu: true };
    assert.deepEqual(
      parseDeviceSlots("auto", { ...options, found }).map(({ name, device, requireDevice }) => [
        name,
        device,
        requireDevice,
      ]),
      [
        ["gpu0@host", "cuda:0", false],
        ["gpu1@host", "cuda:1", false],
      ],
    );
  });

  for (const [hasOtherGpu, name] of [
    [true, "gpu0@host"],
    [false, "cpu0@host"],
  ] as const) {
    test(`auto without CUDA is one process that takes what it can prove: ${name}`, () => {
      const slots = parseDeviceSlots("auto", { ...options, found: { cuda: [], hasOtherGpu } });
      assert.deepEqual(
        slots.map((slot) => [slot.name, slot.device]),
        [[name, "auto"]],
      );
    });
  }

  for (const [text, code] of [
    ["", "DEVICE_UNKNOWN"],
    ["gpu", "DEVICE_UNKNOWN"],
    ["cpu,", "DEVICE_UNKNOWN"],
    ["auto,cpu", "DEVICE_UNKNOWN"],
    ["cpu*0", "INVALID_ARGUMENT"],
    ["cpu*", "INVALID_ARGUMENT"],
    ["cpu*2*2", "INVALID_ARGUMENT"],
    ["cpu*-1", "INVALID_ARGUMENT"],
  ] as const) {
    test(`${JSON.stringify(text)} is refused`, () => {
      assert.throws(() => parseDeviceSlots(text, options), { code });
    });
  }
});
