import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { silentLogger } from "../../logger.ts";
import { TinyModels } from "../../tasks/tiny-models.fixture.ts";
import { setUpTask } from "./task-module.ts";

const slot = {
  name: "gpu2@host",
  workerId: 2,
  kind: "gpu" as const,
  device: "cpu",
  requireDevice: true,
  intraOpThreads: 1,
  models: {},
  settings: undefined,
  logger: silentLogger,
};
const classModule = new URL("./class-module.fixture.ts", import.meta.url).href;

describe("a module of tasks", () => {
  test("may export a class; the slot's models go before its own", async () => {
    await using models = await TinyModels.create();
    const given = { ...slot, models: { detect: models.files.detect } };
    await using setup = await setUpTask(classModule, given);
    await setup.prove(new AbortController().signal);
    assert.deepEqual(
      setup.cache?.info().models.map(({ name, device, workerId }) => [name, device, workerId]),
      [["detect", "cpu", 2]],
    );
    assert.equal(setup.task.workerId, 2);
    assert.equal(await setup.task.execute(3), 0);
    assert.equal(typeof setup.parse === "function" && setup.parse("4"), 4);
  });

  test("has proved nothing where its models do not load", async () => {
    await using setup = await setUpTask(classModule, slot);
    await assert.rejects(setup.prove(new AbortController().signal), { code: "MODEL_NOT_FOUND" });
  });

  test("that exports neither a class nor a function is refused", async () => {
    const module = `data:text/javascript,export default ${encodeURIComponent("{}")}`;
    await assert.rejects(setUpTask(module, slot), { code: "INVALID_ARGUMENT" });
  });
});
