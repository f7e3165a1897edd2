import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pathToFileURL } from "node:url";
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
    assert.ok("task" in setup);
    await setup.prove(new AbortController().signal);
    assert.deepEqual(
      setup.cache?.info().models.map(({ name, device, workerId }) => [name, device, workerId]),
      [["detect", "cpu", 2]],
    );
    assert.equal(setup.task.workerId, 2);
    assert.equal(await setup.task.execute(3), 0);
    assert.equal(typeof setup.parse === "function" && setup.parse("4"), 4);
  });

  const commonJs: readonly (readonly [what: string, text: string])[] = [
    [
      "by `exports.default`, as compilers write it",
      "Object.assign(exports, { default: CountDots })",
    ],
    ["as a whole", "module.exports = CountDots"],
  ];
  for (const [what, text] of commonJs) {
    test(`may be CommonJS that exports a class ${what}, with what else it exports`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "orangery-module-"));
      try {
        const file = join(folder, "count.cjs");
        const others =
          "Object.assign(module.exports, { models: { detect: 'nowhere.pt' }, parse: Number })";
        await writeFile(file, `class CountDots { execute() {} }\n${text};\n${others};\n`);
        await using setup = await setUpTask(pathToFileURL(file).href, slot);
        assert.ok("task" in setup);
        assert.equal(setup.task.constructor.name, "CountDots");
        assert.equal(typeof setup.parse === "function" && setup.parse("4"), 4);
        await assert.rejects(setup.prove(new AbortController().signal), /nowhere\.pt/);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
  }

  test("has proved nothing where its models do not load", async () => {
    await using setup = await setUpTask(classModule, slot);
    assert.ok("task" in setup);
    await assert.rejects(setup.prove(new AbortController().signal), { code: "MODEL_NOT_FOUND" });
  });

  const unusable: readonly (readonly [what: string, text: string, reason: RegExp])[] = [
    ["has no default export", "export const models = {}", /it has no default export\./],
    ["exports neither a class nor a function", "export default {}", /it is an object with nothing/],
    [
      "exports another class",
      "export default class Foo {}",
      /class Foo, without a method `execute`/,
    ],
    ["returns no setup", "export default () => ({ task: 1 })", /returned an object with task\./],
    ["cannot be parsed", "export default 1 +;", /SyntaxError: .* \(`node --check data:/],
    ["imports what is not there", 'import "node:nowhere"', /built-in module: node:nowhere/],
    ["throws", "export default undefined.run", /TypeError: .*'run'/],
    ["throws no error", 'throw "a word"', /it failed: a word\./],
  ];
  for (const [what, text, message] of unusable) {
    test(`that ${what} is refused with the reason`, async () => {
      const module = `data:text/javascript,${encodeURIComponent(text)}`;
      await assert.rejects(setUpTask(module, slot), { code: "TASK_MODULE_UNUSABLE", message });
    });
  }

  test("that throws is refused with the line, and one that is not there with its path", async () => {
    const throwing = new URL("./throwing-module.fixture.ts", import.meta.url);
    await assert.rejects(setUpTask(throwing.href, slot), {
      message: /TypeError: .* \(file:\/\/.*throwing-module\.fixture\.ts:4:\d+\)\. Correct it/,
    });
    const missing = new URL("./nowhere.ts", import.meta.url);
    await assert.rejects(setUpTask(missing.href, slot), {
      message: /^Expected the module of tasks \S*nowhere\.ts to be a file, but there is none/,
    });
  });

  test("may throw an error that says itself whether it passes", async () => {
    const text = 'throw Object.assign(new Error("busy"), { retryable: true })';
    const module = `data:text/javascript,${encodeURIComponent(text)}`;
    await assert.rejects(setUpTask(module, slot), { message: "busy" });
  });
});
