import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ErrorCode, isOrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import type { Device } from "./device.ts";
import { DeviceChooser, type DeviceChooserOptions } from "./device-chooser.ts";
import { PretendDevices } from "./pretend-devices.fixture.ts";

const signal = new AbortController().signal;
const isFinal = () => false;
const coded = (code: ErrorCode) => (error: unknown) => isOrangeryError(error, code);

function makeChooser(options: Partial<DeviceChooserOptions> = {}) {
  const warnings: string[] = [];
  const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
  const chooser = new DeviceChooser({
    runtime: new PretendDevices(),
    device: "directml",
    forceCpu: false,
    requireDevice: false,
    logger,
    ...options,
  });
  return { chooser, warnings };
}

/** Notes where something was put, and refuses the devices that are named. */
function putter(refuses: readonly string[] = []) {
  const tried: string[] = [];
  const putOn = async ({ label }: Device) => {
    tried.push(label);
    if (refuses.includes(label)) throw new Error(`${label} is full`);
    return `on ${label}`;
  };
  return { tried, putOn };
}

describe("a device chooser", () => {
  test("takes the best device, without a word", async () => {
    const { chooser, warnings } = makeChooser();
    const { device, result, fallback } = await chooser.place(2, putter().putOn, {
      signal,
      isFinal,
    });
    assert.deepEqual([device.label, result, fallback], ["directml:2", "on directml:2", undefined]);
    assert.deepEqual(warnings, []);
  });

  test("passes over a device that refuses, and says why", async () => {
    const { chooser, warnings } = makeChooser();
    const { tried, putOn } = putter(["directml:0"]);
    const { result, fallback } = await chooser.place(0, putOn, { signal, isFinal });
    const reason = "directml:0: directml:0 is full";
    assert.deepEqual([result, fallback], ["on cpu", { from: "directml:0", reason }]);
    assert.deepEqual(tried, ["directml:0", "cpu"]);
    assert.deepEqual(warnings, [`running on cpu instead of directml:0: ${reason}`]);
  });

  test("proves a device once, and does not ask one that failed until it forgets", async () => {
    const runtime = new PretendDevices({ failAt: "creation" });
    const { chooser, warnings } = makeChooser({ runtime });
    const place = async () => {
      const { tried, putOn } = putter();
      await chooser.place(0, putOn, { signal, isFinal });
      return tried;
    };
    assert.deepEqual(await Promise.all([place(), place()]), [["cpu"], ["cpu"]]);
    runtime.failAt = undefined;
    assert.deepEqual(await place(), ["cpu"]);
    assert.equal(warnings.length, 1);
    chooser.forget();
    assert.deepEqual(await place(), ["directml:0"]);
  });

  test("warns again of another reason", async () => {
    const { chooser, warnings } = makeChooser();
    for (const message of ["out of memory", "out of memory", "operator missing"]) {
      const putOn = async ({ kind }: Device) => {
        if (kind !== "cpu") throw new Error(message);
      };
      await chooser.place(0, putOn, { signal, isFinal });
    }
    assert.equal(warnings.length, 2);
  });

  test("throws the CPU's error when nothing works", async () => {
    const { chooser } = makeChooser();
    const { putOn } = putter(["directml:0", "cpu"]);
    await assert.rejects(chooser.place(0, putOn, { signal, isFinal }), /^Error: cpu is full$/);
  });

  test("does not go on after an error that is final", async () => {
    const { chooser } = makeChooser();
    const { tried, putOn } = putter(["directml:0"]);
    await assert.rejects(chooser.place(0, putOn, { signal, isFinal: () => true }), /is full/);
    assert.deepEqual(tried, ["directml:0"]);
  });

  test("does not go on after an abort", async () => {
    const { chooser } = makeChooser();
    const aborter = new AbortController();
    const { tried } = putter();
    const putOn = async ({ label }: Device) => {
      tried.push(label);
      aborter.abort(new Error("left"));
      throw aborter.signal.reason;
    };
    await assert.rejects(chooser.place(0, putOn, { signal: aborter.signal, isFinal }), /left/);
    assert.deepEqual(tried, ["directml:0"]);
  });

  test("lets a waiter leave a proof that others share", async () => {
    const { chooser } = makeChooser();
    const aborter = new AbortController();
    const { tried, putOn } = putter();
    const leaving = chooser.place(0, putOn, { signal: aborter.signal, isFinal });
    const staying = chooser.place(0, putOn, { signal, isFinal });
    aborter.abort(new Error("left"));
    await assert.rejects(leaving, /left/);
    assert.equal((await staying).device.label, "directml:0");
    assert.deepEqual(tried, ["directml:0"]);
  });
});

describe("a device that is required", () => {
  test("is used", async () => {
    const { chooser } = makeChooser({ requireDevice: true });
    const { device } = await chooser.place(0, putter().putOn, { signal, isFinal });
    assert.equal(device.label, "directml:0");
  });

  test("is an error where it refuses", async () => {
    const { chooser } = makeChooser({ requireDevice: true });
    const { tried, putOn } = putter(["directml:0"]);
    const placing = chooser.place(0, putOn, { signal, isFinal });
    await assert.rejects(placing, (error) => {
      assert.ok(isOrangeryError(error, "DEVICE_UNAVAILABLE"));
      assert.match(error.message, /^Expected to run on directml, .* directml:0 is full\. Mend/);
      return true;
    });
    assert.deepEqual(tried, ["directml:0"]);
  });

  test("may be any but the CPU when it is auto", async () => {
    const { chooser } = makeChooser({ requireDevice: true, device: "auto" });
    const { tried, putOn } = putter(["cuda:0"]);
    const { device, fallback } = await chooser.place(0, putOn, { signal, isFinal });
    assert.notEqual(device.label, "cpu");
    assert.match(fallback!.reason, /cuda:0 is full/);
    assert.equal(tried.length, 2);
  });

  for (const options of [{ device: "cpu" }, { device: "directml", forceCpu: true }]) {
    test(`may be the CPU: ${JSON.stringify(options)}`, async () => {
      const { chooser } = makeChooser({ requireDevice: true, ...options });
      const { device, fallback } = await chooser.place(0, putter().putOn, { signal, isFinal });
      assert.deepEqual([device.label, fallback], ["cpu", undefined]);
      const { putOn } = putter(["cpu"]);
      await assert.rejects(chooser.place(0, putOn, { signal, isFinal }), /cpu is full/);
    });
  }
});

test("a device chooser refuses a device that nobody knows", () => {
  assert.throws(() => makeChooser({ device: "gpu", forceCpu: true }), coded("DEVICE_UNKNOWN"));
});
