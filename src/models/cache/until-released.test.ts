import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type Logger, silentLogger } from "../../logger.ts";
import { ModelFolder, tinyYolo } from "../yolo/tiny-yolo.fixture.ts";
import { pretendModel, pretendOutcome } from "./pretend-loads.fixture.ts";
import { untilReleased } from "./until-released.ts";

describe("a cache that is disposed", () => {
  test("warns of a lease that is not given back, by name, and goes on waiting", async () => {
    const warned = Promise.withResolvers<object>();
    const logger: Logger = { ...silentLogger, warn: (fields) => warned.resolve(fields) };
    const { cached, load } = pretendModel({ name: "detect", workerId: 2 });
    load.resolve(pretendOutcome());
    const { done } = await cached.use();
    cached.retire("clear");
    const waiting = untilReleased([cached], { logger, warnAfterMs: 5 });
    // The timer keeps no process alive; a test must.
    const alive = setInterval(() => {}, 1000);
    assert.deepEqual(await warned.promise, {
      models: [{ name: "detect", workerId: 2, leases: 1 }],
    });
    clearInterval(alive);
    await turn();
    assert.equal(cached.users, 1);
    done();
    await waiting;
  });

  test("releases it once the process has nothing else to do, and says so", async () => {
    await using folder = await ModelFolder.create();
    const model = await folder.write("model.onnx", tinyYolo());
    const index = new URL("../../index.ts", import.meta.url).href;
    const program = `
      import { ModelCache } from ${JSON.stringify(index)};
      const models = { detect: ${JSON.stringify(model)} };
      await using cache = new ModelCache({ models, device: "cpu" });
      cache.on("model:release", ({ name }) => console.log("released", name));
      await cache.acquire("detect");
      const lost = await cache.acquire("detect");
      process.once("exit", () => void lost[Symbol.asyncDispose]());
      throw new Error("the task's own error");
    `;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program]);
    const [[status], stdout, stderr] = await Promise.all([
      once(child, "exit"),
      text(child.stdout),
      text(child.stderr),
    ]);
    assert.equal(status, 1, stderr);
    assert.equal(stdout, "released detect\n");
    assert.match(stderr, /OrangeryWarning: .* leases were held of `detect` \(2\), and nothing/);
    assert.match(stderr, /Error: the task's own error/);
  });
});
