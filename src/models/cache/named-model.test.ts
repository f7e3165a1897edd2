import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type ErrorCode, isOrangeryError, OrangeryError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { identifyModelFile, type ModelFile } from "../files/model-file.ts";
import { ModelFolder } from "../yolo/tiny-yolo.fixture.ts";
import { CacheEvents } from "./cache-events.ts";
import type { LoadOutcome, LoadRequest } from "./model-loader.ts";
import { NamedModel, type NamedModelOptions } from "./named-model.ts";
import { pretendOutcome } from "./pretend-loads.fixture.ts";

type PretendOutcome = ReturnType<typeof pretendOutcome>;

/** A load that the test ends. */
interface Load {
  readonly file: ModelFile;
  readonly signal: AbortSignal;
  readonly outcome: PretendOutcome;
  succeed(): Promise<void>;
  fail(error: unknown): Promise<void>;
}

let folder: ModelFolder;
let path: string;
let named: NamedModel;
let loads: Load[];
let log: string[];
let hits: number;
let warnings: string[];

before(async () => {
  folder = await ModelFolder.create();
});
after(async () => {
  await folder[Symbol.asyncDispose]();
});
beforeEach(async () => {
  path = await folder.write("model.onnx", "one");
  named = makeNamed();
});
afterEach(() => named.close());

function makeNamed(options: Partial<NamedModelOptions> = {}): NamedModel {
  loads = [];
  log = [];
  hits = 0;
  warnings = [];
  const logger: Logger = { ...silentLogger, warn: (_, message) => warnings.push(message) };
  const events = new CacheEvents(logger);
  const load = ({ file, signal }: LoadRequest) => {
    const { promise, resolve, reject } = Promise.withResolvers<LoadOutcome>();
    const outcome = pretendOutcome();
    loads.push({
      file,
      signal,
      outcome,
      succeed: async () => {
        resolve(outcome);
        await turn();
      },
      fail: async (error) => {
        reject(error);
        await turn();
      },
    });
    return promise;
  };
  const made = new NamedModel({
    name: "detect",
    workerId: 0,
    path,
    reloadCheckMs: 0,
    loader: { load },
    memory: { makeRoom: () => {} },
    events,
    logger,
    ...options,
  });
  events.on("model:load", ({ sha256 }) => {
    const loaded = [...made.models].findLast(({ file }) => file.sha256 === sha256);
    log.push(loaded!.state);
  });
  events.on("model:release", ({ reason }) => log.push(reason));
  events.on("model:hit", () => hits++);
  return made;
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

const coded = (code: ErrorCode) => (error: unknown) => isOrangeryError(error, code);

/** Uses the model in service and leaves it; loads the first one. */
async function useOnce(): Promise<PretendOutcome> {
  const use = named.use();
  await until(() => loads.length > 0);
  await loads[0]!.succeed();
  const { model, done } = await use;
  done();
  return loads.find(({ outcome }) => outcome.model === model)!.outcome;
}

describe("a named model", () => {
  test("loads on first use, and gives the same model from then on", async () => {
    const first = await useOnce();
    const { model, cached, done } = await named.use();
    assert.deepEqual([model, hits, cached.hits, loads.length], [first.model, 1, 1, 1]);
    done();
    assert.deepEqual(log, ["ready"]);
  });

  test("makes all who ask during a load wait for it", async () => {
    const uses = [named.use(), named.use(), named.use()];
    await until(() => [...named.models][0]?.users === 3);
    await loads[0]!.succeed();
    for (const { done } of await Promise.all(uses)) done();
    assert.deepEqual([hits, loads.length], [0, 1]);
  });

  test("loads again after a failure", async () => {
    const failing = assert.rejects(named.use(), /broken/);
    await until(() => loads.length === 1);
    await loads[0]!.fail(new Error("broken"));
    await failing;
    const again = named.use();
    await until(() => loads.length === 2);
    await loads[1]!.succeed();
    (await again).done();
    assert.deepEqual(warnings, []);
  });

  test("loads anew when the only load was given up, and keeps nothing of a late one", async () => {
    const aborter = new AbortController();
    const leaving = named.use(aborter.signal);
    await until(() => loads.length === 1);
    aborter.abort(new Error("left"));
    await assert.rejects(leaving, /left/);
    const staying = named.use();
    await until(() => loads.length === 2);
    assert.equal(loads[0]!.signal.aborted, true);
    await loads[0]!.succeed();
    await loads[1]!.succeed();
    const { model, done } = await staying;
    assert.equal(model, loads[1]!.outcome.model);
    assert.equal(loads[0]!.outcome.model.releases, 1);
    assert.equal(named.models.size, 1);
    assert.deepEqual(log, ["ready"]);
    done();
  });

  test("begins no load for a caller who left while the file was read", async () => {
    const aborter = new AbortController();
    const leaving = named.use(aborter.signal);
    aborter.abort(new Error("left"));
    await assert.rejects(leaving, /left/);
    await identifyModelFile(path);
    await turn();
    assert.equal(loads.length, 0);
  });

  test("never hands out a model that was retired as it was found", async () => {
    for (const reloadCheckMs of [0, 60_000]) {
      for (let ticks = 0; ticks < 60; ticks += 1) {
        named = makeNamed({ reloadCheckMs });
        await useOnce();
        const using = named.use();
        if (reloadCheckMs === 0) await turn();
        for (let tick = 0; tick < ticks; tick += 1) await undefined;
        for (const cached of named.models) cached.retire("evict");
        let used: Awaited<typeof using> | undefined;
        void using.then((use) => {
          used = use;
        });
        await until(() => used !== undefined || loads.length === 2);
        await loads[1]?.succeed();
        const { model, done } = await using;
        const { outcome } = loads.find((load) => load.outcome.model === model)!;
        assert.equal(outcome.model.releases, 0, `retired ${ticks} ticks after it was asked for`);
        done();
      }
    }
  });
});

describe("a named model whose file changes", () => {
  /** Writes another file and asks for the model: the old one, and a load is under way. */
  async function change(contents: string): Promise<Load> {
    await folder.write("model.onnx", contents);
    const before = loads.length;
    const { done } = await named.use();
    done();
    assert.equal(loads.length, before + 1);
    return loads.at(-1)!;
  }

  test("keeps the old model in service until the new one is ready", async () => {
    const old = await useOnce();
    const load = await change("two");
    const during = await named.use();
    assert.equal(during.model, old.model);
    assert.equal(loads.length, 2, "it is loaded once");
    await load.succeed();
    const fresh = await named.use();
    assert.equal(fresh.model, load.outcome.model);
    assert.equal(old.model.releases, 0, "it is still in use");
    during.done();
    await turn();
    assert.equal(old.model.releases, 1);
    assert.deepEqual(log, ["ready", "ready", "reload"]);
    fresh.done();
  });

  test("leaves a pinned model to those who have it, until clear", async () => {
    const old = await useOnce();
    for (const cached of named.models) cached.pinned = true;
    const load = await change("two");
    await load.succeed();
    assert.deepEqual([named.models.size, old.model.releases], [2, 0]);
    const { model, done } = await named.use();
    assert.equal(model, load.outcome.model);
    done();
    named.clear();
    await until(() => named.models.size === 0);
    assert.deepEqual([old.model.releases, load.outcome.model.releases], [1, 1]);
  });

  test("drops a load that a further change has overtaken", async () => {
    await useOnce();
    const second = await change("two");
    const third = await change("three");
    assert.equal(second.signal.aborted, true);
    await third.succeed();
    await second.succeed();
    const { model, done } = await named.use();
    assert.equal(model, third.outcome.model);
    assert.equal(second.outcome.model.releases, 1);
    await until(() => named.models.size === 1);
    done();
  });

  test("to something broken stays with the old model, and tries that content no more", async () => {
    const old = await useOnce();
    const load = await change("broken");
    await load.fail(new Error("broken"));
    const { model, done } = await named.use();
    assert.deepEqual([model, loads.length], [old.model, 2]);
    done();
    assert.deepEqual(warnings, ["a changed model file cannot be loaded; the old model stays"]);
    const repaired = await change("repaired");
    await repaired.succeed();
    const after = await named.use();
    assert.equal(after.model, repaired.outcome.model);
    after.done();
  });

  test("while it is loaded is loaded as it is then", async () => {
    const use = named.use();
    await until(() => loads.length === 1);
    await folder.write("model.onnx", "two");
    const changed = { details: { changed: true } };
    await loads[0]!.fail(new OrangeryError("MODEL_LOAD_FAILED", "it has changed", changed));
    await until(() => loads.length === 2);
    await loads[1]!.succeed();
    const { cached, done } = await use;
    assert.equal(cached.file.sha256, (await identifyModelFile(path)).sha256);
    assert.notEqual(loads[0]!.file.sha256, cached.file.sha256);
    done();
  });

  test("while it is reloaded is reloaded as it is then, without a warning", async () => {
    await useOnce();
    const second = await change("two");
    await folder.write("model.onnx", "three");
    const changed = { details: { changed: true } };
    await second.fail(new OrangeryError("MODEL_LOAD_FAILED", "it has changed", changed));
    (await named.use()).done();
    await loads[2]!.succeed();
    const { model, done } = await named.use();
    assert.equal(model, loads[2]!.outcome.model);
    assert.deepEqual(warnings, []);
    done();
  });

  test("and whose old model is evicted meanwhile has one model in the end", async () => {
    await useOnce();
    const reload = await change("two");
    for (const cached of named.models) if (cached.state === "ready") cached.retire("evict");
    const use = named.use();
    await until(() => loads.length === 3);
    await loads[2]!.succeed();
    const { done } = await use;
    await reload.succeed();
    done();
    await until(() => named.models.size === 1);
    const { model, done: doneAgain } = await named.use();
    const [kept, dropped] = [reload, loads[2]!].sort((a) => (a.outcome.model === model ? -1 : 1));
    assert.deepEqual([kept!.outcome.model.releases, dropped!.outcome.model.releases], [0, 1]);
    doneAgain();
  });

  test("and cannot be read for the moment keeps its model", async () => {
    const old = await useOnce();
    await rm(path);
    const { model, done } = await named.use();
    assert.equal(model, old.model);
    done();
    assert.deepEqual(warnings, ["a loaded model's file cannot be read"]);
  });
});

describe("a named model that is cleared", () => {
  test("releases what nobody uses, and loads again", async () => {
    const old = await useOnce();
    named.clear();
    await until(() => named.models.size === 0);
    assert.equal(old.model.releases, 1);
    const use = named.use();
    await until(() => loads.length === 2);
    await loads[1]!.succeed();
    (await use).done();
  });

  test("during a load gives it to the waiters and not to those who come later", async () => {
    const waiting = named.use();
    await until(() => loads.length === 1);
    named.clear();
    const later = named.use();
    await until(() => loads.length === 2);
    await loads[0]!.succeed();
    await loads[1]!.succeed();
    const uses = await Promise.all([waiting, later]);
    assert.deepEqual(
      uses.map(({ model }) => model),
      loads.map(({ outcome }) => outcome.model),
    );
    for (const { done } of uses) done();
    await until(() => named.models.size === 1);
  });

  test("during a reload cancels it, and takes no notice of a late end", async () => {
    await useOnce();
    await folder.write("model.onnx", "two");
    (await named.use()).done();
    named.clear();
    assert.equal(loads[1]!.signal.aborted, true);
    await loads[1]!.succeed();
    await until(() => named.models.size === 0);
    assert.equal(loads[1]!.outcome.model.releases, 1);
    assert.deepEqual([log, warnings], [["ready", "clear"], []]);
  });

  test("gives contents that failed to reload a new chance", async () => {
    await useOnce();
    await folder.write("model.onnx", "two");
    (await named.use()).done();
    await loads[1]!.fail(new Error("no memory just now"));
    const held = await named.use();
    named.clear();
    const use = named.use();
    await until(() => loads.length === 3);
    await loads[2]!.succeed();
    (await use).done();
    held.done();
  });
});

describe("a named model that is closed", () => {
  test("refuses users, also those who are about to begin a load", async () => {
    const using = named.use();
    named.close();
    await assert.rejects(using, coded("MODEL_RELEASED"));
    await rm(path);
    await assert.rejects(named.use(), coded("MODEL_RELEASED"));
    assert.equal(loads.length, 0);
  });

  test("during a load gives it to those who wait, then releases it", async () => {
    const using = named.use();
    await until(() => loads.length === 1);
    named.close();
    await loads[0]!.succeed();
    const { model, done } = await using;
    assert.equal(model, loads[0]!.outcome.model);
    assert.equal(named.models.size, 1);
    done();
    await until(() => named.models.size === 0);
    assert.equal(loads[0]!.outcome.model.releases, 1);
  });
});
