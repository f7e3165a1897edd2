import assert from "node:assert/strict";
import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { type Logger, silentLogger } from "../../logger.ts";
import { liveNativeObjects } from "../../native/library/native-object.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { identifyModelFile } from "../files/model-file.ts";
import { ModelFolder, tinyYolo } from "../yolo/tiny-yolo.fixture.ts";
import { artifactIdentity, artifactKey } from "./artifact.ts";
import { ArtifactStore, type StorableNetwork } from "./artifact-store.ts";

let folder: ModelFolder;
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

/** A network of a real file, and how often it was loaded either way. */
async function makeNetwork(more: Partial<StorableNetwork> = {}) {
  const file = await identifyModelFile(await folder.write("model.onnx", tinyYolo()));
  const counts = { builds: 0, maps: 0 };
  const network: StorableNetwork = {
    file,
    device: "cpu",
    library: "onnxruntime 0.0.0",
    build: async (saveOptimizedTo) => {
      counts.builds++;
      return await onnxRuntime.createSession(file.path, { saveOptimizedTo });
    },
    map: async (path) => {
      counts.maps++;
      return await onnxRuntime.createSession(path, { mapped: true });
    },
    isUnchanged: async () => true,
    signal: undefined,
    ...more,
  };
  return { network, counts };
}

async function open(store: ArtifactStore, network: StorableNetwork): Promise<boolean> {
  const { session, fromArtifact } = await store.open(network);
  await session[Symbol.asyncDispose]();
  return fromArtifact;
}

describe("an artifact store", () => {
  test("builds once, and maps what it built", async () => {
    const { network, counts } = await makeNetwork();
    assert.equal(await open(makeStore(), network), false);
    assert.deepEqual(counts, { builds: 1, maps: 1 });
    assert.equal(await open(makeStore(), network), true);
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

  test("saves nothing under the hash of a file that has been replaced meanwhile", async () => {
    const { network } = await makeNetwork({ isUnchanged: async () => false });
    assert.equal(await open(makeStore(), network), false);
    assert.deepEqual(await names(), []);
    assert.deepEqual(warnings, []);
  });

  test("gives a model's own failure, and leaves nothing", async () => {
    const { network } = await makeNetwork({
      build: async () => Promise.reject(new Error("no network")),
    });
    await assert.rejects(makeStore().open(network), /no network/);
    assert.deepEqual(await names(), []);
    assert.deepEqual(warnings, []);
  });

  test("ends with the signal's reason, and leaves nothing", async () => {
    for (const abortIn of ["build", "isUnchanged"] as const) {
      const aborter = new AbortController();
      const { network } = await makeNetwork({ signal: aborter.signal });
      const call = network[abortIn].bind(network) as () => Promise<never>;
      const reason = new Error("left");
      const aborting: StorableNetwork = {
        ...network,
        [abortIn]: async (...args: []) => {
          aborter.abort(reason);
          if (abortIn === "isUnchanged") aborter.signal.throwIfAborted();
          const session = await call(...args);
          await (session as AsyncDisposable)[Symbol.asyncDispose]();
          throw reason;
        },
      };
      await assert.rejects(makeStore().open(aborting), reason);
      assert.deepEqual(await names(), []);
    }
    assert.deepEqual(warnings, []);
  });

  test("takes what another process has put in its place meanwhile", async () => {
    const { network, counts } = await makeNetwork();
    const racing: StorableNetwork = {
      ...network,
      isUnchanged: async () => {
        await open(makeStore(), network);
        return true;
      },
    };
    assert.equal(await open(makeStore(), racing), false);
    assert.equal((await names()).length, 1);
    assert.deepEqual(counts, { builds: 2, maps: 2 });
    assert.deepEqual(warnings, []);
  });

  test("keeps what it built where the place is taken by something else", async () => {
    const { network, counts } = await makeNetwork();
    const [key] = [artifactKey(artifactIdentity(network.file.sha256, network))];
    const place = folder.file(`artifacts/${key}`);
    const blocked: StorableNetwork = {
      ...network,
      isUnchanged: async () => {
        await mkdir(join(place, "in the way"), { recursive: true });
        return true;
      },
    };
    assert.equal(await open(makeStore(), blocked), false);
    assert.deepEqual(counts, { builds: 1, maps: 0 });
    assert.equal(warnings.length, 1);
  });

  test("warns once where there is no folder, and not at all where none is wanted", async () => {
    const { network, counts } = await makeNetwork();
    const homeless = makeStore({ folder: undefined });
    await open(homeless, network);
    await open(homeless, network);
    assert.equal(warnings.length, 1);
    await open(makeStore({ folder: undefined, maxBytes: 0 }), network);
    assert.equal(warnings.length, 1);
    assert.deepEqual(counts, { builds: 3, maps: 0 });
  });
});
