import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempDisposableSync, readFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Worker } from "node:worker_threads";
import { nextMessage } from "../../base/threads/next-message.ts";
import { GraphBuilder } from "../../graph/graph-builder.ts";
import { serializeModel } from "../../graph/onnx/model-writer.ts";
import { onnxRuntime } from "../onnx-runtime.ts";
import { MappedFile } from "./mapped-file.ts";

const folder = mkdtempDisposableSync(join(tmpdir(), "orangery-mapped-"));
after(() => folder.remove());
const path = join(folder.path, "network.ort");
const weights = new Float32Array(64).map((_, index) => index);

const skip = existsSync("/proc/self/maps") ? false : "only Linux lists what is mapped";

describe("a file mapped once for all sessions", { skip }, () => {
  before(async () => {
    await using _ = await onnxRuntime.createSession(adder(), { saveOptimizedTo: path });
  });

  test("is mapped while anything uses it, and in one place", async () => {
    const [first, second] = await Promise.all([MappedFile.open(path), MappedFile.open(path)]);
    assert.equal(first?.address, second?.address);
    assert.equal(mappings(path), 1);
    first!.leave();
    assert.equal(mappings(path), 1);
    // As a thread leaves it that has only the record.
    MappedFile.at(second!.record).leave();
    assert.equal(mappings(path), 0);
  });

  test("is read by two sessions at once, and by one alone after the other", async () => {
    const first = await onnxRuntime.createSession(path, { mapped: true });
    const second = await onnxRuntime.createSession(path, { mapped: true, intraOpThreads: 1 });
    assert.equal(mappings(path), 1);
    await first[Symbol.asyncDispose]();
    assert.deepEqual(await run(second), [...weights]);
    await second[Symbol.asyncDispose]();
    assert.equal(mappings(path), 0);
  });

  test("is left by the last thread that shares a session, and mapped again by the next", async () => {
    const open = () =>
      onnxRuntime.openSharedSession(`${process.pid} mapped`, {
        load: async () => ({ session: await onnxRuntime.createSession(path, { mapped: true }) }),
      });
    for (let round = 0; round < 2; round++) {
      const [one, other] = [await open(), await open()];
      await one.session[Symbol.asyncDispose]();
      assert.deepEqual(await run(other.session), [...weights]);
      await other.session[Symbol.asyncDispose]();
      assert.equal(mappings(path), 0);
    }
  });

  test("is left when the session of a thread that was killed is adopted and released", async () => {
    const key = `${process.pid} mapped by a killed thread`;
    const script = new URL("./shared-session.fixture.ts", import.meta.url);
    const thread = new Worker(script, { workerData: { key, model: path, size: 8 } });
    thread.postMessage("open");
    assert.equal(await nextMessage(thread), true);
    await thread.terminate();
    assert.equal(mappings(path), 1);
    const { session } = await onnxRuntime.openSharedSession(key, {
      load: () => assert.fail("there is one to adopt"),
    });
    assert.deepEqual(await run(session), [...weights]);
    await session[Symbol.asyncDispose]();
    assert.equal(mappings(path), 0);
  });

  test("is another one when it was replaced", async () => {
    const [place, next] = [join(folder.path, "place.ort"), join(folder.path, "next.ort")];
    cpSync(path, place);
    cpSync(path, next);
    const old = await MappedFile.open(place);
    renameSync(next, place);
    const replaced = await MappedFile.open(place);
    assert.notEqual(old!.address, replaced!.address);
    old!.leave();
    replaced!.leave();
  });

  test("is left when no session can be made of it", async () => {
    const broken = join(folder.path, "broken.ort");
    cpSync(import.meta.filename, broken);
    await assert.rejects(onnxRuntime.createSession(broken, { mapped: true }), {
      code: "ORT_FAILED",
    });
    assert.equal(mappings(broken), 0);
    const absent = onnxRuntime.createSession(join(folder.path, "absent.ort"), { mapped: true });
    await assert.rejects(absent, { code: "ORT_FAILED" });
  });
});

function mappings(file: string): number {
  const lines = readFileSync("/proc/self/maps", "utf8").split("\n");
  return lines.filter((line) => line.endsWith(file)).length;
}

async function run(session: Awaited<ReturnType<typeof onnxRuntime.createSession>>) {
  using x = onnxRuntime.createTensor("float32", [64]);
  x.data.fill(0);
  using y = (await session.run({ x })).y!;
  return [...y.data];
}

/** y = x + weights. */
function adder(): Uint8Array {
  const graph = new GraphBuilder("adder");
  const x = graph.input("x", "float32", [64]);
  const y = graph.node("Add", [x, graph.weights("weights", [64], weights)]);
  graph.output("y", y, "float32", [64]);
  return serializeModel(graph.toModel());
}
