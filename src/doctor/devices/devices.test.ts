import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { MeasuringProcessDied } from "../measured/measure.ts";
import { describeFailure, describeSpeed, lookAtDevice } from "./device.ts";
import { describeNvidia } from "./nvidia.ts";
import { describeRuntime } from "./runtime.ts";

describe("NVIDIA's cards", () => {
  const pci = mkdtempSync(join(tmpdir(), "orangery-pci-"));
  after(() => rmSync(pci, { recursive: true }));
  const none = { nvidia: undefined, nvidiaFailure: undefined };

  test("are listed with driver and CUDA", async () => {
    const gpus = Array.from({ length: 2 }, () => ({ name: "NVIDIA H200", totalBytes: 150.8e9 }));
    const nvidia = { driverVersion: "580.95", cudaVersion: "13.0", gpus };
    const found = await describeNvidia({ ...none, nvidia });
    assert.equal(found?.verdict, "green");
    assert.equal(
      found.sentence,
      "2 × NVIDIA H200 of 151 GB, driver 580.95, which runs CUDA up to 13.0.",
    );
  });

  test("without a driver are yellow, and without a card there is nothing to say", async () => {
    const device = (name: string, vendor: string, kind: string) => {
      mkdirSync(join(pci, name));
      writeFileSync(join(pci, name, "vendor"), `${vendor}\n`);
      writeFileSync(join(pci, name, "class"), `${kind}\n`);
    };
    device("0000:00:02.0", "0x8086", "0x030000");
    // The sound of a card, which alone is none.
    device("0000:01:00.1", "0x10de", "0x040300");
    assert.equal(await describeNvidia(none, pci), undefined);
    device("0000:01:00.0", "0x10de", "0x030200");
    const found = await describeNvidia(none, pci);
    assert.equal(found?.verdict, "yellow");
    assert.match(found.todo ?? "", /Install NVIDIA's driver/);
    assert.equal(await describeNvidia(none, "/nowhere"), undefined);
  });

  test("whose driver fails are yellow", async () => {
    const nvidiaFailure =
      "NVML failed in nvmlInit_v2 (status 18): mismatch. `nvidia-smi` shows more.";
    const found = await describeNvidia({ ...none, nvidiaFailure });
    assert.equal(found?.verdict, "yellow");
    assert.match(found.sentence, /does not answer: NVML failed .* mismatch\.$/);
  });
});

test("a runtime without our operators is yellow where there should be some", () => {
  const found = [
    { machine: "linux-x64", hasKernels: true },
    { machine: "linux-x64", hasKernels: false },
    { machine: "darwin-arm64", hasKernels: false },
  ].map((machine) => describeRuntime({ version: "1.30.0", file: "/lib/ort.so" }, machine));
  assert.deepEqual(
    found.map(({ verdict }) => verdict),
    ["green", "yellow", "green"],
  );
  assert.match(found[1]!.todo ?? "", /noexec/);
});

describe("a device", () => {
  test("has its time and its speed", () => {
    const cpu = describeSpeed({ device: "cpu", ms: 63, gflop: 3.3 });
    assert.match(cpu.sentence, /convolutions of 3\.3 GFLOP in 63 ms, 52 GFLOP\/s\.$/);
    const card = describeSpeed({ device: "cuda:0", ms: 5.2, gflop: 211.5 });
    assert.match(card.sentence, /211\.5 GFLOP in 5\.2 ms, 40\.7 TFLOP\/s\.$/);
  });

  test("that lacks something is yellow, with the command that brings it", async () => {
    const { signal } = new AbortController();
    const missing = "this ONNX Runtime has no cuda provider (x.so is missing)";
    const found = await lookAtDevice({ device: "cuda:0", missing }, { signal });
    assert.equal(found.verdict, "yellow");
    assert.match(found.sentence, /^It cannot be used: this ONNX Runtime has no cuda provider/);
    assert.match(found.todo ?? "", /`orangery devices add cuda`/);
    const hidden = "CUDA_VISIBLE_DEVICES is ``, which leaves 0 devices, so there is no cuda:0";
    const unset = await lookAtDevice({ device: "cuda:0", missing: hidden }, { signal });
    assert.match(unset.todo ?? "", /^Unset CUDA_VISIBLE_DEVICES/);
  });

  test("whose proof ends the process is red, and a CPU that cannot compute, too", () => {
    const crashed = describeFailure("cuda:0", new MeasuringProcessDied("SIGSEGV", ""));
    assert.equal(crashed.verdict, "red");
    assert.match(crashed.sentence, /ends the process \(SIGSEGV\)/);
    assert.equal(describeFailure("cpu", new Error("no")).verdict, "red");
    assert.equal(describeFailure("webgpu", new Error("no")).verdict, "yellow");
  });
});
