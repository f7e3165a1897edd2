import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import koffi from "koffi";
import { isOrangeryError, OrangeryError } from "../../errors.ts";
import { Nvml, openNvml } from "./nvml.ts";

const gib = 1024 ** 3;

const canCompile =
  process.platform === "linux" && spawnSync("gcc", ["--version"]).error === undefined;

describe("without an NVIDIA driver", () => {
  test("the shared NVML is what the driver says: there, or undefined without a word", () => {
    const nvml = openNvml();
    assert.equal(openNvml(), nvml);
    if (nvml === undefined) return;
    assert.ok(nvml.driverVersion.length > 0);
  });

  test("a library that was named, and cannot be opened, is an error that names it", () => {
    assert.throws(
      () => Nvml.open("/nowhere/libnvidia-ml.so.1"),
      (error) =>
        isOrangeryError(error, "NVML_FAILED") && error.message.includes("/nowhere/libnvidia-ml"),
    );
  });

  test("an empty variable is no name", () => {
    assert.doesNotThrow(() => Nvml.open("")?.[Symbol.dispose]());
  });
});

describe("NVML's binary interface", { skip: !canCompile && "needs Linux and gcc" }, () => {
  let folder: string;
  let library: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), "orangery-nvml-"));
    library = join(folder, "libnvidia-ml.so.1");
    const source = fileURLToPath(new URL("nvml.test.c", import.meta.url));
    execFileSync("gcc", ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source]);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => {
    delete process.env.FAKE_NVML_INIT;
    delete process.env.FAKE_NVML_LOST;
  });

  test("versions and GPUs are read", () => {
    using nvml = Nvml.open(library)!;
    assert.equal(nvml.driverVersion, "570.86.15");
    assert.equal(nvml.nvmlVersion, "12.570.86.15");
    assert.equal(nvml.cudaVersion, "12.8");
    assert.deepEqual(
      nvml.gpus.map(({ index, name, uuid }) => ({ index, name, uuid })),
      [
        { index: 0, name: "Fake GPU", uuid: "GPU-00000000-aaaa" },
        { index: 1, name: "Fake GPU", uuid: "GPU-11111111-bbbb" },
        { index: 2, name: "Fake GPU", uuid: "GPU-22222222-cccc" },
      ],
    );
  });

  test("a reading has sizes beyond 32 bits, and this process's share over a long list", () => {
    using nvml = Nvml.open(library)!;
    assert.deepEqual(nvml.gpus[0]?.read(), {
      memoryTotalBytes: 141 * gib,
      memoryUsedBytes: 5 * gib,
      memoryFreeBytes: 136 * gib,
      gpuBusyPercent: 87,
      memoryBusyPercent: 41,
      processMemoryBytes: 6 * gib + 7,
    });
  });

  test("what the driver does not know is absent", () => {
    using nvml = Nvml.open(library)!;
    assert.deepEqual(Object.keys(nvml.gpus[1]!.read()), [
      "memoryTotalBytes",
      "memoryUsedBytes",
      "memoryFreeBytes",
      "gpuBusyPercent",
      "memoryBusyPercent",
    ]);
    assert.deepEqual(nvml.gpus[2]!.read(), {
      memoryTotalBytes: 24 * gib,
      memoryUsedBytes: 5 * gib + 2,
      memoryFreeBytes: 19 * gib - 2,
    });
  });

  test("cuda:N is found through CUDA_VISIBLE_DEVICES", () => {
    using nvml = Nvml.open(library)!;
    assert.equal(nvml.cudaGpu(1, {}), nvml.gpus[1]);
    assert.equal(nvml.cudaGpu(0, { CUDA_VISIBLE_DEVICES: "2" }), nvml.gpus[2]);
    assert.equal(nvml.cudaGpu(1, { CUDA_VISIBLE_DEVICES: "2" }), undefined);
    assert.equal(nvml.cudaGpu(0, { CUDA_VISIBLE_DEVICES: "GPU-1" }), nvml.gpus[1]);
  });

  test("a failing call is a coded error with the status and its text", () => {
    using nvml = Nvml.open(library)!;
    process.env.FAKE_NVML_LOST = "1";
    assert.throws(
      () => nvml.gpus[0]?.read(),
      (error) => {
        assert.ok(error instanceof OrangeryError);
        assert.equal(error.code, "NVML_FAILED");
        assert.deepEqual(error.details, {
          function: "nvmlDeviceGetMemoryInfo",
          status: 15,
          text: "GPU is lost",
        });
        return true;
      },
    );
  });

  const initRows: [status: string, outcome: "absent" | "error", why: string][] = [
    ["9", "absent", "no driver is loaded"],
    ["12", "absent", "the driver's own library is missing"],
    ["18", "error", "library and driver are of different versions"],
    ["999", "error", "unknown"],
  ];
  for (const [status, outcome, why] of initRows) {
    test(`init status ${status} (${why}): ${outcome}`, () => {
      process.env.FAKE_NVML_INIT = status;
      if (outcome === "absent") assert.equal(Nvml.open(library), undefined);
      else assert.throws(() => Nvml.open(library), { code: "NVML_FAILED" });
    });
  }

  test("disposing shuts NVML down once, and a reading after it is an error", () => {
    const openCount = koffi.load(library).func("fake_open_count", "int", []);
    const nvml = Nvml.open(library)!;
    assert.equal(openCount(), 1);
    nvml[Symbol.dispose]();
    nvml[Symbol.dispose]();
    assert.equal(openCount(), 0);
    assert.throws(() => nvml.gpus[0]?.read(), { code: "NVML_FAILED" });
  });

  test("a library that lacks a function fails only where the function is needed", () => {
    const source = join(folder, "old.c");
    const old = join(folder, "libold.so");
    writeFileSync(source, "int nvmlInit_v2(void) { return 0; }");
    execFileSync("gcc", ["-shared", "-fPIC", "-o", old, source]);
    assert.throws(() => Nvml.open(old), {
      code: "NVML_FAILED",
      message: /nvmlSystemGetDriverVersion \(status 13\): no text for it/,
    });
  });

  test("ORANGERY_NVML_LIBRARY names the library of the shared NVML", () => {
    const output = execFileSync(
      process.execPath,
      [
        "--input-type=module",
        "--eval",
        `const { openNvml } = await import("${new URL("nvml.ts", import.meta.url).href}");
         console.log(openNvml().gpus.length, openNvml() === openNvml());`,
      ],
      { env: { ...process.env, ORANGERY_NVML_LIBRARY: library }, encoding: "utf8" },
    );
    assert.equal(output.trim(), "3 true");
  });
});
