import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { runtimeConformance } from "../models/runtime-conformance.ts";
import { liveNativeObjects } from "./library/native-object.ts";
import { onnxRuntime } from "./onnx-runtime.ts";

describe("ONNX Runtime through its C API", () => {
  afterEach(() => {
    assert.deepEqual(liveNativeObjects(), {}, "every native object is released");
  });

  for (const { name, check } of runtimeConformance) {
    test(name, () => check(onnxRuntime));
  }

  test("knows the version of the library", () => {
    assert.match(onnxRuntime.version, /^1\.\d+\.\d+$/);
  });
});
