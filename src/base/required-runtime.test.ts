import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { whyUnsupported } from "./required-runtime.ts";

const packageFile = new URL("../../package.json", import.meta.url);
const { engines, exports } = JSON.parse(readFileSync(packageFile, "utf8"));

// As Node 20: it names no such version, and fails to link what imports a module that it lacks.
const olderNode = `
  import { registerHooks } from "node:module";
  Object.defineProperty(process, "versions", { value: { node: "20.20.2" } });
  registerHooks({ resolve(name, context, next) {
    if (name === "node:sqlite") throw new Error("No such built-in module: node:sqlite");
    return next(name, context);
  } });`;

describe("the runtime that Orangery needs", () => {
  const cases: [versions: Record<string, string>, hasLocks: boolean, why: RegExp | undefined][] = [
    [{ node: `${engines.node.replace(">=", "")}.0` }, true, undefined],
    [{ node: "25.0.0" }, true, undefined],
    [
      { node: "20.20.2" },
      false,
      /^Expected Node 24\.16 or newer, got Node 20\.20\.2\. Install one with `npm install node@24`/,
    ],
    [{ node: "24.15.9" }, true, /got Node 24\.15\.9/],
    [{ node: "24.3.0", bun: "1.2.3" }, false, /got Bun 1\.2\.3, which lacks/],
    [{ node: "24.16.0", bun: "2.0.0" }, true, undefined],
    [{ node: "24.16.0", deno: "2.4.0" }, false, /got Deno 2\.4\.0, which lacks/],
  ];
  for (const [versions, hasLocks, why] of cases) {
    test(`${JSON.stringify(versions)}: ${why === undefined ? "will do" : "will not do"}`, () => {
      const said = whyUnsupported(versions, hasLocks);
      if (why === undefined) assert.equal(said, undefined);
      else assert.match(said!, why);
    });
  }

  for (const [entry, target] of Object.entries<{ default: string }>(exports)) {
    if (entry === "./package.json") continue;
    test(`is named by ${entry.replace(".", "orangery")} under a Node that is too old`, async () => {
      const source = target.default.replace("./dist/", "../").replace(/js$/, "ts");
      const { href } = new URL(source, import.meta.url);
      const hooks = `data:text/javascript,${encodeURIComponent(olderNode)}`;
      const { promise, resolve } = Promise.withResolvers<string>();
      execFile(process.execPath, ["--import", hooks, "--import", href, "-e", ""], (_, __, stderr) =>
        resolve(stderr),
      );
      assert.match(
        await promise,
        /Error: Expected Node 24\.16 or newer, got Node 20\.20\.2\. Install/,
      );
    });
  }
});
