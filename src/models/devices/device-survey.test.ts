import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { canLoadLibrary } from "../../native/library/load-library.ts";
import { parseDevice } from "./device.ts";
import { hasGpuNode, whyMissing } from "./device-survey.ts";

describe("a GPU shows in /dev", () => {
  const cases: [string, readonly string[], boolean][] = [
    ["not at all", [], false],
    ["not by a screen alone", ["dri/card0", "null"], false],
    ["as a render node", ["dri/card0", "dri/renderD128"], true],
    ["as NVIDIA's node", ["nvidia0", "nvidiactl"], true],
    ["not by NVIDIA's control node alone", ["nvidiactl"], false],
    ["as Windows' GPU in WSL", ["dxg"], true],
  ];
  for (const [how, nodes, expected] of cases) {
    test(how, async () => {
      const devices = await mkdtemp(join(tmpdir(), "orangery-dev-"));
      try {
        for (const node of nodes) {
          await mkdir(dirname(join(devices, node)), { recursive: true });
          await writeFile(join(devices, node), "");
        }
        assert.equal(hasGpuNode(devices), expected);
      } finally {
        await rm(devices, { recursive: true });
      }
    });
  }

  test("which decides whether `auto` takes WebGPU, and not whether it can be had by name", (t) => {
    if (process.platform !== "linux" || hasGpuNode() || !canLoadLibrary("libvulkan.so.1")) {
      t.skip("needs Linux with a Vulkan driver and no GPU");
      return;
    }
    assert.match(whyMissing(parseDevice("webgpu"), "auto") ?? "", /no GPU/);
    assert.equal(whyMissing(parseDevice("webgpu"), "name"), undefined);
  });
});
