import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type ErrorCode, isOrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { DeviceChooser, type DeviceChooserOptions, type DeviceSearch } from "./device-chooser.ts";
import { PretendDevices } from "./pretend-devices.fixture.ts";

const { signal } = new AbortController();
const full = new Error("it is full");
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

/** The label of the next device. */
async function next(search: DeviceSearch): Promise<string> {
  return (await search.next(signal)).label;
}

describe("a device chooser", () => {
  test("takes the best device", async () => {
    const { chooser, warnings } = makeChooser();
    const search = chooser.search(2);
    assert.deepEqual([await next(search), search.fallback], ["directml:2", undefined]);
    assert.deepEqual(warnings, []);
  });

  test("passes over a device that does not work, and says why", async () => {
    const { chooser } = makeChooser();
    const search = chooser.search(0);
    assert.equal(await next(search), "directml:0");
    search.passOver(full);
    assert.equal(await next(search), "cpu");
    assert.deepEqual(search.fallback, { from: "directml:0", reason: "directml:0: it is full" });
  });

  test("proves a device once, and does not ask one that failed until it forgets", async () => {
    const runtime = new PretendDevices({ failAt: "creation" });
    const { chooser } = makeChooser({ runtime });
    const first = () => next(chooser.search(0));
    assert.deepEqual(await Promise.all([first(), first()]), ["cpu", "cpu"]);
    runtime.failAt = undefined;
    assert.equal(await first(), "cpu");
    chooser.forget();
    assert.equal(await first(), "directml:0");
  });

  test("warns once for each reason", async () => {
    const { chooser, warnings } = makeChooser();
    for (const message of ["out of memory", "out of memory", "operator missing"]) {
      const search = chooser.search(0);
      await search.next(signal);
      search.passOver(new Error(message));
      const device = await search.next(signal);
      chooser.warnOf(search.fallback!, device);
    }
    assert.deepEqual(warnings, [
      "running on cpu instead of directml:0: directml:0: out of memory",
      "running on cpu instead of directml:0: directml:0: operator missing",
    ]);
  });

  for (const { device, hasGpu, warns } of [
    { device: "auto", hasGpu: false, warns: 0 },
    { device: "auto", hasGpu: true, warns: 1 },
    { device: "directml", hasGpu: false, warns: 1 },
  ]) {
    const machine = hasGpu ? "with a GPU" : "without a GPU";
    test(`${device} on a machine ${machine} ends on the CPU with ${warns} warnings`, async () => {
      const { chooser, warnings } = makeChooser({ device, hasGpu });
      const [from, reason] = ["cuda:0", "cuda:0: no driver"];
      const cpu = await makeChooser({ device: "cpu" }).chooser.search(0).next(signal);
      chooser.warnOf({ from, reason }, cpu);
      assert.equal(warnings.length, warns);
    });
  }

  test("throws the CPU's error when nothing works", async () => {
    const search = makeChooser().chooser.search(0);
    await search.next(signal);
    search.passOver(new Error("another"));
    await search.next(signal);
    search.passOver(full);
    await assert.rejects(search.next(signal), full);
  });

  test("lets a waiter leave a proof that others share", async () => {
    const { chooser } = makeChooser();
    const aborter = new AbortController();
    const leaving = chooser.search(0).next(aborter.signal);
    const staying = next(chooser.search(0));
    aborter.abort(new Error("left"));
    await assert.rejects(leaving, /left/);
    assert.equal(await staying, "directml:0");
  });
});

describe("a plugin that cannot be registered", () => {
  before(() => {
    process.env.ORANGERY_EP_LIBRARY = "/nowhere/plugin.so";
  });
  after(() => {
    delete process.env.ORANGERY_EP_LIBRARY;
  });

  for (const { device, forceCpu = false, warns } of [
    { device: "auto", warns: true },
    { device: "cuda:999", warns: true },
    { device: "cpu", warns: false },
    { device: "auto", forceCpu: true, warns: false },
  ]) {
    const outcome = warns ? "warned of once, with the reason" : "of no interest";
    test(`is ${outcome}: ${device}${forceCpu ? " on the CPU" : ""}`, async () => {
      const { chooser, warnings } = makeChooser({ runtime: onnxRuntime, device, forceCpu });
      await Promise.all([next(chooser.search(0)), next(chooser.search(0))]);
      await next(chooser.search(1));
      const expected =
        "a plugin cannot be used: Expected the library of an execution provider at " +
        "/nowhere/plugin.so, but that does not exist. Correct the path.";
      assert.deepEqual(warnings, warns ? [expected] : []);
    });
  }
});

describe("a device that is required", () => {
  test("is used", async () => {
    const { chooser } = makeChooser({ requireDevice: true });
    assert.equal(await next(chooser.search(0)), "directml:0");
  });

  test("is an error where it does not work", async () => {
    const search = makeChooser({ requireDevice: true }).chooser.search(0);
    await search.next(signal);
    search.passOver(full);
    await assert.rejects(search.next(signal), (error) => {
      assert.ok(isOrangeryError(error, "DEVICE_UNAVAILABLE"));
      assert.match(error.message, /^Expected to run on directml, .* directml:0: it is full\. Rep/);
      return true;
    });
  });

  test("may be any but the CPU when it is auto", async () => {
    const search = makeChooser({ requireDevice: true, device: "auto" }).chooser.search(0);
    assert.equal(await next(search), "cuda:0");
    search.passOver(full);
    assert.notEqual(await next(search), "cpu");
    assert.equal(search.fallback!.reason, "cuda:0: it is full");
  });

  for (const options of [{ device: "cpu" }, { device: "directml", forceCpu: true }]) {
    test(`may be the CPU: ${JSON.stringify(options)}`, async () => {
      const search = makeChooser({ requireDevice: true, ...options }).chooser.search(0);
      assert.deepEqual([await next(search), search.fallback], ["cpu", undefined]);
      search.passOver(full);
      await assert.rejects(search.next(signal), full);
    });
  }
});

test("a device chooser refuses a device that nobody knows", () => {
  assert.throws(() => makeChooser({ device: "gpu", forceCpu: true }), coded("DEVICE_UNKNOWN"));
});
