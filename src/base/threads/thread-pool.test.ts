import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { describe, test } from "node:test";
import { threadPoolSize, threadPoolVariable } from "./thread-pool.ts";

/** Prints what the module takes for the pool's size, and how many threads Linux lists. */
const program = `
  const { threadPoolSize, threadPoolVariable } = await import(process.argv[1]);
  const { readFile } = await import("node:fs/promises");
  const { readdirSync, readFileSync } = await import("node:fs");
  process.env.UV_THREADPOOL_SIZE ??= threadPoolVariable(7).UV_THREADPOOL_SIZE;
  await Promise.all(Array.from({ length: 40 }, () => readFile("/proc/self/status")));
  const names = readdirSync("/proc/self/task").map((thread) =>
    readFileSync(\`/proc/self/task/\${thread}/comm\`, "utf8"));
  console.log(threadPoolSize(), names.filter((name) => name.startsWith("libuv-worker")).length);
`;

describe("the pool of threads", () => {
  test("has a thread for each core, and for runs that wait", () => {
    assert.deepEqual([1, 2, 4, 16].map(threadPoolVariable), [
      { UV_THREADPOOL_SIZE: "4" },
      { UV_THREADPOOL_SIZE: "4" },
      { UV_THREADPOOL_SIZE: "6" },
      { UV_THREADPOOL_SIZE: "18" },
    ]);
  });

  const skip = process.platform === "linux" ? false : "the threads of a process are read in /proc";
  for (const [given, expected] of [
    [undefined, "9 9\n"],
    ["5", "5 5\n"],
  ] as const) {
    test(`is as large as ${given ?? "it should be"}`, { skip }, () => {
      const { UV_THREADPOOL_SIZE: _, ...env } = process.env;
      const path = import.meta.resolve("./thread-pool.ts");
      const printed = execFileSync(
        process.execPath,
        ["--input-type=module", "--eval", program, path],
        {
          env: given === undefined ? env : { ...env, UV_THREADPOOL_SIZE: given },
          encoding: "utf8",
        },
      );
      assert.equal(printed, expected);
    });
  }

  test("is libuv's own where a variable says nothing sensible", () => {
    const before = process.env.UV_THREADPOOL_SIZE;
    try {
      for (const given of ["", "0", "-3", "many", "2.5"]) {
        process.env.UV_THREADPOOL_SIZE = given;
        assert.equal(threadPoolSize(), 4, given);
      }
    } finally {
      if (before === undefined) delete process.env.UV_THREADPOOL_SIZE;
      else process.env.UV_THREADPOOL_SIZE = before;
    }
  });
});
