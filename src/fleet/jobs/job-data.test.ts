import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseJobData } from "./job-data.ts";

const schema = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: async (data: unknown) =>
      data === "good"
        ? { value: 7 }
        : {
            issues: [{ message: "is missing", path: ["photo", { key: "url" }] }, { message: "no" }],
          },
  },
} as const;

describe("a job's data", () => {
  test("are taken as they are without a parser", async () => {
    assert.deepEqual(await parseJobData({ photo: 1 }, undefined), { photo: 1 });
  });

  test("become what the function, or the schema, makes of them", async () => {
    assert.equal(await parseJobData("7", Number), 7);
    assert.equal(await parseJobData("good", schema), 7);
  });

  test("that a schema refuses are refused with its reasons", async () => {
    await assert.rejects(parseJobData("bad", schema), {
      code: "JOB_DATA_INVALID",
      message: /got "bad": `photo\.url`: is missing; no\./,
      details: { issues: ["`photo.url`: is missing", "no"] },
    });
  });

  test("that a function refuses later are refused for good, too", async () => {
    const refuse = async () => {
      throw new TypeError("not good");
    };
    await assert.rejects(parseJobData("bad", refuse), { code: "JOB_DATA_INVALID" });
  });

  test("are quoted shortly, and without what URLs hide", async () => {
    const refuse = () => {
      throw new TypeError("not good");
    };
    const url = "https://user:word@host/a.jpg?X-Amz-Signature=5ec7e7";
    await assert.rejects(parseJobData({ url, more: "x".repeat(500) }, refuse), (error: Error) => {
      assert.match(
        error.message,
        /https:\/\/…@host\/a\.jpg\?X-Amz-Signature=…","more":"x+…: not good\./,
      );
      assert.doesNotMatch(error.message, /5ec7e7|word@/);
      assert.ok(error.message.length < 400);
      assert.ok(error.cause instanceof TypeError);
      return true;
    });
  });
});
