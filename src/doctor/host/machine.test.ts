import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";
import { readGroupLimits } from "./control-group.ts";
import { lookAtMemory, readUsableMemory } from "./memory.ts";
import { lookAtOpenFiles } from "./open-files.ts";
import { lookAtProcessor, readProcessorFeatures } from "./processor.ts";

const root = mkdtempSync(join(tmpdir(), "orangery-groups-"));
after(() => rmSync(root, { recursive: true }));
const mib = 1024 ** 2;
let made = 0;

/** Prepares the files that a kernel shows, and returns their folder. */
function prepare(files: Readonly<Record<string, string>>): string {
  const folder = join(root, String(made++));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), `${text}\n`);
  }
  return folder;
}

function placesIn(folder: string) {
  return {
    root: join(folder, "cgroup"),
    self: join(folder, "self"),
    meminfo: join(folder, "meminfo"),
  };
}

const meminfo = "MemTotal:       16000000 kB\nMemFree:  100 kB\nMemAvailable:    8000000 kB";

/** A container of version 2 with 512 MiB, in a pod with more. */
const smallContainer = () =>
  prepare({
    meminfo,
    self: "0::/pod/container",
    "cgroup/cgroup.controllers": "cpu memory",
    "cgroup/pod/memory.max": String(2048 * mib),
    "cgroup/pod/cpu.max": "150000 100000",
    "cgroup/pod/container/memory.max": String(512 * mib),
    "cgroup/pod/container/memory.high": "max",
    "cgroup/pod/container/memory.current": String(300 * mib),
    "cgroup/pod/container/memory.stat": `anon 1\ninactive_file ${100 * mib}`,
    "cgroup/pod/container/cpu.max": "max 100000",
  });

describe("control groups", () => {
  test("of version 2 limit by the least of a group and those above it", async () => {
    assert.deepEqual(await readGroupLimits(placesIn(smallContainer())), {
      memoryBytes: 512 * mib,
      usedBytes: 200 * mib,
      cores: 1.5,
    });
  });

  test("of version 1 are read where the container sees them, whatever path the host has", async () => {
    const folder = prepare({
      self: "4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/",
      "cgroup/memory/memory.limit_in_bytes": String(512 * mib),
      "cgroup/memory/memory.usage_in_bytes": String(64 * mib),
      "cgroup/memory/memory.stat": `total_inactive_file ${4 * mib}`,
      "cgroup/cpu/cpu.cfs_quota_us": "50000",
      "cgroup/cpu/cpu.cfs_period_us": "100000",
    });
    assert.deepEqual(await readGroupLimits(placesIn(folder)), {
      memoryBytes: 512 * mib,
      usedBytes: 60 * mib,
      cores: 0.5,
    });
  });

  test("without limits, and systems without groups, limit nothing", async () => {
    const none = { memoryBytes: undefined, usedBytes: undefined, cores: undefined };
    const unlimited = prepare({
      self: "4:memory:/\n0::/",
      "cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
      "cgroup/cgroup.controllers": "memory",
      "cgroup/memory.max": "max",
      "cgroup/cpu/cpu.cfs_quota_us": "-1",
    });
    assert.deepEqual(await readGroupLimits(placesIn(unlimited)), none);
    assert.deepEqual(await readGroupLimits(placesIn(prepare({ meminfo }))), none);
  });
});

describe("memory", () => {
  test("of a machine is what the system can give without swapping", async () => {
    const memory = await readUsableMemory(placesIn(prepare({ meminfo })));
    assert.deepEqual(memory, {
      totalBytes: 16_384_000_000,
      isLimited: false,
      freeBytes: 8_192_000_000,
    });
  });

  test("of 512 MB takes one process and not its successor", async () => {
    const folder = prepare({
      meminfo,
      self: "0::/",
      "cgroup/cgroup.controllers": "memory",
      "cgroup/memory.max": String(512 * mib),
      "cgroup/memory.current": String(8 * mib),
    });
    const found = await lookAtMemory(placesIn(folder));
    assert.equal(found.verdict, "yellow");
    assert.match(found.sentence, /537 MB that this container may use .* room for one process/);
    assert.match(found.todo ?? "", /^Raise the memory limit to 1\.1\d* GB or more/);
  });

  test("that a measured model does not fit into is red, and yellow for a model nobody knows", async () => {
    const places = placesIn(smallContainer());
    const measured = await lookAtMemory({ ...places, processBytes: 900e6 });
    assert.equal(measured.verdict, "red");
    assert.match(
      measured.sentence,
      /too little for a process of 900 MB with a model like this one/,
    );
    const guessed = await lookAtMemory(places);
    assert.equal(guessed.verdict, "yellow");
    const small = await lookAtMemory({ ...places, processBytes: 50e6 });
    assert.equal(small.verdict, "green");
    assert.ok(Number(small.figures?.processesThatFit) >= 6, small.sentence);
  });
});

describe("the processor", () => {
  const cpuinfo = (flags: string) => join(prepare({ cpuinfo: flags }), "cpuinfo");

  test("has the features that the kernel lists, each once", async () => {
    const flags = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_vnni avx_vnni amx_int8";
    assert.deepEqual(await readProcessorFeatures(cpuinfo(flags)), [
      "AVX2",
      "AVX-512",
      "VNNI",
      "AMX",
    ]);
    assert.deepEqual(await readProcessorFeatures(cpuinfo("Features\t: fp asimddp i8mm")), [
      "dot products",
      "int8 matrices",
    ]);
    assert.equal(await readProcessorFeatures(cpuinfo("model name : x")), undefined);
  });

  test("with less than a core of time is yellow", async () => {
    const folder = prepare({
      self: "0::/",
      "cgroup/cgroup.controllers": "cpu",
      "cgroup/cpu.max": "50000 100000",
      cpuinfo: "flags : avx2",
    });
    const places = { ...placesIn(folder), cpuinfo: join(folder, "cpuinfo") };
    const found = await lookAtProcessor(places);
    assert.equal(found.verdict, "yellow");
    assert.match(found.sentence, /: 0\.5 of \d+ cores?, AVX2; less than one core/);
  });

  test("of a PC without AVX2 is yellow", {
    skip: process.arch !== "x64" && "is about x64",
  }, async () => {
    const found = await lookAtProcessor({ cpuinfo: cpuinfo("flags : fpu sse4_2") });
    assert.equal(found.verdict, "yellow");
    assert.match(found.sentence, /without AVX2/);
  });

  test("that other programs keep busy is yellow, with what to do", async () => {
    const places = { ...placesIn(prepare({ meminfo })), cpuinfo: cpuinfo("flags : avx2 asimddp") };
    const cores = cpus().length;
    const busy = await lookAtProcessor({ ...places, busyCores: 1.6 * cores });
    assert.equal(busy.verdict, "yellow");
    assert.match(busy.sentence, /other programs keep it busy, so all times here are too long\.$/);
    assert.match(busy.todo ?? "", /^Stop or limit them/);
    const quiet = await lookAtProcessor({ ...places, busyCores: 1.4 * cores });
    assert.deepEqual([quiet.verdict, quiet.todo], ["green", undefined]);
  });
});

test("few open files are yellow, and next to none red", async () => {
  const limits = (count: string) =>
    join(prepare({ limits: `Max open files            64     ${count}    files` }), "limits");
  for (const [count, verdict] of [
    ["unlimited", "green"],
    ["1048576", "green"],
    ["512", "yellow"],
    ["64", "red"],
  ] as const) {
    const found = await lookAtOpenFiles(limits(count));
    assert.equal(found.verdict, verdict, count);
    assert.equal(found.todo === undefined, verdict === "green");
  }
  assert.equal((await lookAtOpenFiles("/nowhere")).verdict, "green");
});
