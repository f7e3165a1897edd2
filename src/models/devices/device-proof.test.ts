import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { type ErrorCode, isOrangeryError } from "../../errors.ts";
import { environment } from "../../native/library/environment.ts";
import { canLoadLibrary } from "../../native/library/load-library.ts";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { Runtime, Session, Tensor } from "../../native/runtime.ts";
import { cpu, parseDevice } from "./device.ts";
import { proveDevice } from "./device-proof.ts";

afterEach(() => assert.deepEqual(liveNativeObjects(), {}));

const refusal = (code: ErrorCode, message: RegExp) => (error: unknown) => {
  assert.ok(isOrangeryError(error, code), String(error));
  assert.match(error.message, message);
  return true;
};

/** Computes on the CPU, whatever device is asked for, and then falsifies the answer. */
function runtimeThat(falsify: (output: Tensor) => void): Runtime {
  return {
    ...onnxRuntime,
    createSession: async (source): Promise<Session> => {
      const session = await onnxRuntime.createSession(source);
      const run = session.run.bind(session);
      session.run = async (...args) => {
        const outputs = await run(...args);
        for (const output of Object.values(outputs)) falsify(output);
        return outputs;
      };
      return session;
    },
  };
}

describe("the proof of a device", () => {
  test("is not asked of the CPU", async () => {
    const broken: Runtime = {
      ...onnxRuntime,
      createSession: async () => {
        throw new Error("must not be called");
      },
    };
    await proveDevice(cpu, { runtime: broken });
  });

  test("passes when the answer is right", async () => {
    await proveDevice(parseDevice("webgpu"), { runtime: runtimeThat(() => {}) });
  });

  const lies: [what: string, falsify: (output: Tensor) => void][] = [
    ["one value is wrong", ({ data }) => data.fill(17 as never, 63)],
    ["nothing was computed", ({ data }) => data.fill(0 as never)],
    ["it is no number", ({ data }) => data.fill(Number.NaN as never, 5, 6)],
  ];
  for (const [what, falsify] of lies) {
    test(`fails when ${what}`, async () => {
      const proof = proveDevice(parseDevice("webgpu"), { runtime: runtimeThat(falsify) });
      await assert.rejects(proof, refusal("DEVICE_UNAVAILABLE", /webgpu to compute a convolution/));
    });
  }

  test("fails with what the runtime throws, and leaves nothing behind", async () => {
    const runtime: Runtime = {
      ...onnxRuntime,
      createSession: async (source) => {
        const session = await onnxRuntime.createSession(source);
        session.run = async () => {
          throw new Error("the device went away");
        };
        return session;
      },
    };
    await assert.rejects(proveDevice(parseDevice("webgpu"), { runtime }), /went away/);
  });
});

describe("a CUDA device that is not there", () => {
  let visible: string | undefined;
  beforeEach(() => {
    visible = process.env.CUDA_VISIBLE_DEVICES;
    delete process.env.CUDA_VISIBLE_DEVICES;
  });
  afterEach(() => {
    delete process.env.CUDA_VISIBLE_DEVICES;
    if (visible !== undefined) process.env.CUDA_VISIBLE_DEVICES = visible;
  });

  const hidden: [visible: string, device: string, left: number][] = [
    ["", "cuda:0", 0],
    ["-1", "cuda:0", 0],
    ["0", "cuda:1", 1],
    ["0,1", "tensorrt:2", 2],
    ["3, 2 ,-1,1", "cuda:2", 2],
    ["GPU-8932f937", "cuda:1", 1],
  ];
  for (const [list, device, left] of hidden) {
    test(`is named: ${device} with CUDA_VISIBLE_DEVICES=\`${list}\``, async () => {
      process.env.CUDA_VISIBLE_DEVICES = list;
      await assert.rejects(
        proveDevice(parseDevice(device), { runtime: onnxRuntime }),
        refusal(
          "DEVICE_UNAVAILABLE",
          new RegExp(`leaves ${left} devices, so there is no ${device}$`),
        ),
      );
    });
  }

  for (const kind of ["cuda", "tensorrt"] as const) {
    const provider =
      process.platform === "win32"
        ? `onnxruntime_providers_${kind}.dll`
        : `libonnxruntime_providers_${kind}.so`;
    const isThere = existsSync(join(dirname(environment().library.file), provider));
    const skip = isThere && `${provider} is installed`;
    test(`is named: the library has no ${kind} provider`, { skip }, async () => {
      for (const list of [undefined, "0"]) {
        if (list !== undefined) process.env.CUDA_VISIBLE_DEVICES = list;
        await assert.rejects(
          proveDevice(parseDevice(`${kind}:0`), { runtime: onnxRuntime }),
          refusal(
            "DEVICE_UNAVAILABLE",
            new RegExp(`no ${kind} provider \\(${provider} is missing\\)`),
          ),
        );
      }
    });
  }

  test("is another runtime's own affair", async () => {
    process.env.CUDA_VISIBLE_DEVICES = "";
    await proveDevice(parseDevice("cuda:0"), { runtime: runtimeThat(() => {}) });
  });
});

describe("WebGPU without Vulkan", () => {
  const skip =
    process.platform !== "linux"
      ? "needs Linux"
      : canLoadLibrary("libvulkan.so.1") && "Vulkan is installed";
  test("is named", { skip }, async () => {
    await assert.rejects(
      proveDevice(parseDevice("webgpu"), { runtime: onnxRuntime }),
      refusal("DEVICE_UNAVAILABLE", /there is no Vulkan driver \(libvulkan\.so\.1\)/),
    );
  });
});
