import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { StepTimes } from "./step-times.ts";

describe("the times of steps", () => {
  test("are kept by name and summed where a step is done again", async () => {
    const times = new StepTimes({ read: 1, decode: 0 });
    assert.equal(await times.step("read", () => "bytes"), "bytes");
    const [first, second] = [times.withTotal().read, 5];
    await times.step("read", async () => times.add({ read: second }));
    assert.ok(first >= 1);
    const { read, decode } = times.withTotal();
    assert.ok(read >= first + second);
    assert.equal(decode, 0);
  });

  test("have a total since the beginning, which sums of others do not change", () => {
    const times = new StepTimes<string>({}, performance.now() - 1000);
    times.add({ detect: 1e6, total: 1e9 });
    const { detect, total, ...others } = times.withTotal();
    assert.equal(detect, 1e6);
    assert.ok(total! >= 1000 && total! < 1e6);
    assert.deepEqual(others, {});
  });

  test("of a batch are shared by its parts, which go on by themselves", () => {
    const times = new StepTimes({ inference: 30, postprocess: 0 });
    const part = times.shareOf(3);
    part.add({ postprocess: 2 });
    assert.deepEqual(
      { ...part.withTotal(), total: 0 },
      { inference: 10, postprocess: 2, total: 0 },
    );
    assert.equal(times.withTotal().postprocess, 0);
    assert.ok(part.withTotal().total <= times.withTotal().total);
  });

  test("leave out a step that failed", async () => {
    const times = new StepTimes({ read: 0 });
    await assert.rejects(
      times.step("read", () => Promise.reject(new Error("no disk"))),
      /no disk/,
    );
    assert.equal(times.withTotal().read, 0);
  });
});
