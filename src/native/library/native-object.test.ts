import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isOrangeryError } from "../../errors.ts";
import { createTensor } from "../session/native-tensor.ts";
import { liveNativeObjects, NativeObject } from "./native-object.ts";

describe("a native object", () => {
  afterEach(() => {
    assert.deepEqual(liveNativeObjects(), {});
  });

  test("is counted until it is disposed, and released once", () => {
    const released: bigint[] = [];
    const object = new NativeObject("tensor", 5n, (address) => released.push(address));
    assert.deepEqual(liveNativeObjects(), { tensor: 1 });
    object[Symbol.dispose]();
    object[Symbol.dispose]();
    assert.deepEqual(released, [5n]);
  });

  test("cannot be used after it is disposed", () => {
    const object = new NativeObject("session", 5n, () => {});
    object[Symbol.dispose]();
    assert.throws(
      () => object.address,
      (error) => isOrangeryError(error, "TENSOR_RELEASED"),
    );
    assert.throws(
      () => object.hold(),
      (error) => isOrangeryError(error, "TENSOR_RELEASED"),
    );
  });

  test("is released when the last call that holds it has returned", () => {
    const released: bigint[] = [];
    const object = new NativeObject("tensor", 5n, (address) => released.push(address));
    const first = object.hold();
    const second = object.hold();
    object[Symbol.dispose]();
    first[Symbol.dispose]();
    assert.deepEqual(released, []);
    second[Symbol.dispose]();
    assert.deepEqual(released, [5n]);
  });

  test("is left to whoever takes its address", () => {
    const object = new NativeObject("session", 5n, () => assert.fail("released"));
    assert.equal(object.detach(), 5n);
    object[Symbol.dispose]();
  });

  test("is released by the collector when it was forgotten", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    (() => createTensor("float32", [8]))();
    assert.deepEqual(liveNativeObjects(), { tensor: 1 });
    for (let round = 0; round < 50 && liveNativeObjects().tensor; round += 1) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
});
