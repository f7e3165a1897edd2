import assert from "node:assert/strict";
import { mkdir, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { partOf } from "../../base/files/whole-file.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import type { CreateSessionOptions, Runtime } from "../../native/runtime.ts";
import { cpu } from "../devices/device.ts";
import {
  hasFileChanged,
  identifyModelFile,
  type ModelFile,
  networkIdentity,
} from "../files/model-file.ts";
import { ModelFolder, tinyYolo } from "../yolo/tiny-yolo.fixture.ts";
import { artifactIdentity, artifactKey, libraryOf } from "./artifact.ts";
import { ArtifactStore } from "./artifact-store.ts";
import { type OpenNetworkOptions, openNetwork } from "./open-network.ts";

let folder: ModelFolder;
let file: ModelFile;
let warnings: string[];
let cacheBefore: string | undefined;
before(async () => {
  cacheBefore = process.env.ORANGERY_CACHE;
});
after(() => {
  delete process.env.ORANGERY_CACHE;
  if (cacheBefore !== undefined) process.env.ORANGERY_CACHE = cacheBefore;
});
beforeEach(async () => {
  folder = await ModelFolder.create();
  process.env.ORANGERY_CACHE = folder.path;
  warnings = [];
  // Worth saving, whatever its size.
  const identified = await identifyModelFile(await folder.write("model.onnx", tinyYolo()));
  file = { ...identified, bytes: 4 * 1024 * 1024 };
});
afterEach(async () => {
  await folder[Symbol.asyncDispose]();
  assert.deepEqual(liveNativeObjects(), {}, "every native object is released");
});

const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
const names = async () => await readdir(folder.file("artifacts")).catch(() => []);

function makeStore(options: { folder?: string | undefined; maxBytes?: number } = {}) {
  return new ArtifactStore({ folder: folder.file("artifacts"), maxBytes: 1e9, logger, ...options });
}

/**
 * ONNX Runtime, and how often it loaded the file and what was saved of it.
 *
 * @param onBuilt Awaited when the file's own network was loaded.
 */
function countingRuntime(onBuilt: () => Promise<unknown> = async () => {}) {
  const counts = { builds: 0, maps: 0 };
  const createSession = async (source: string | Uint8Array, options?: CreateSessionOptions) => {
    if (options?.mapped) counts.maps++;
    else counts.builds++;
    const session = await onnxRuntime.createSession(source, options);
    try {
      if (!options?.mapped) await onBuilt();
      return session;
    } catch (error) {
      await session[Symbol.asyncDispose]();
      throw error;
    }
  };
  const runtime: Runtime = {
    ...onnxRuntime,
    version: "0.0.0",
    kernels: undefined,
    createSession,
  };
  return { runtime, counts };
}

async function open(options: Partial<OpenNetworkOptions> = {}): Promise<boolean> {
  const { session, fromArtifact } = await openNetwork(file, cpu, {
    runtime: countingRuntime().runtime,
    provider: { name: "cpu" },
    intraOpThreads: 0,
    artifacts: makeStore(),
    signal: undefined,
    ...options,
  });
  await session[Symbol.asyncDispose]();
  return fromArtifact;
}

describe("a network", () => {
  test("is built once, and mapped from what was saved", async () => {
    const { runtime, counts } = countingRuntime();
    assert.equal(await open({ runtime }), false);
    assert.deepEqual(counts, { builds: 1, maps: 1 });
    assert.equal(await open({ runtime }), true);
    assert.deepEqual(counts, { builds: 1, maps: 2 });
    assert.deepEqual(warnings, []);
  });

  test("has an artifact for each library, device and processor", async () => {
    const keys = ["onnxruntime 1", "onnxruntime 2"].flatMap((library) =>
      ["cpu", "coreml"].map((device) => artifactIdentity("abc", { device, library })),
    );
    const others = keys.map((identity) => ({ ...identity, processor: "other" }));
    assert.equal(new Set([...keys, ...others].map(artifactKey)).size, 8);
  });

  test("is not saved under the hash of a file that has been replaced meanwhile", async () => {
    const { runtime } = countingRuntime(() => folder.write("model.onnx", tinyYolo({ score: 0.9 })));
    await assert.rejects(open({ runtime }), hasFileChanged);
    assert.deepEqual(await names(), []);
    assert.deepEqual(warnings, []);
  });

  test("that cannot be built gives its own failure, and leaves nothing", async () => {
    const { runtime } = countingRuntime(async () => {
      throw new Error("no network");
    });
    await assert.rejects(open({ runtime }), /no network/);
    assert.deepEqual(await names(), []);
    assert.deepEqual(warnings, []);
  });

  test("that is no longer wanted ends with the signal's reason, and leaves nothing", async () => {
    const aborter = new AbortController();
    const reason = new Error("left");
    const { runtime } = countingRuntime(async () => {
      aborter.abort(reason);
      throw reason;
    });
    await assert.rejects(open({ runtime, signal: aborter.signal }), reason);
    assert.deepEqual(await names(), []);
    assert.deepEqual(warnings, []);
  });

  test("is taken from what another process has put in its place meanwhile", async () => {
    const rival = countingRuntime();
    const { runtime, counts } = countingRuntime(() => open({ runtime: rival.runtime }));
    assert.equal(await open({ runtime }), false);
    assert.equal((await names()).length, 1);
    assert.deepEqual(
      [counts, rival.counts],
      [
        { builds: 1, maps: 1 },
        { builds: 1, maps: 1 },
      ],
    );
    assert.deepEqual(warnings, []);
  });

  test("is kept as it was built where the place is taken by something else", async () => {
    const library = "onnxruntime 0.0.0";
    const key = artifactKey(artifactIdentity(file.sha256, { device: "cpu", library }));
    const place = folder.file(`artifacts/${key}`);
    const { runtime, counts } = countingRuntime(() =>
      mkdir(join(place, "in the way"), { recursive: true }),
    );
    assert.equal(await open({ runtime }), false);
    assert.deepEqual(counts, { builds: 1, maps: 0 });
    assert.equal(warnings.length, 1);
  });

  test("is loaded without being saved where three processes were killed while they saved", async () => {
    const { runtime, counts } = countingRuntime();
    const identity = artifactIdentity(networkIdentity(file), {
      device: cpu.label,
      library: libraryOf(runtime),
    });
    const place = folder.file(join("artifacts", artifactKey(identity)));
    const longAgo = new Date(Date.now() - 60_000);
    const leave = async () => {
      const part = partOf(place);
      await mkdir(part, { recursive: true });
      await utimes(part, longAgo, longAgo);
    };
    for (const _ of [1, 2, 3]) await leave();
    assert.equal(await open({ runtime }), false);
    assert.deepEqual(counts, { builds: 1, maps: 0 });
    assert.equal(warnings.length, 1);
    assert.equal((await names()).length, 3);
  });

  test("is not saved where there is no folder, with one warning, or none is wanted", async () => {
    const { runtime, counts } = countingRuntime();
    const artifacts = makeStore({ folder: undefined });
    await open({ runtime, artifacts });
    await open({ runtime, artifacts });
    assert.equal(warnings.length, 1);
    await open({ runtime, artifacts: makeStore({ folder: undefined, maxBytes: 0 }) });
    assert.equal(warnings.length, 1);
    assert.deepEqual(counts, { builds: 3, maps: 0 });
  });
});
