import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { whyUnsupported } from "./required-runtime.ts";

const { engines } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

describe("the runtime that Orangery needs", () => {
  const cases: [versions: Record<string, string>, hasLocks: boolean, why: RegExp | undefined][] = [
    [{ node: `${engines.node.replace(">=", "")}.0` }, true, undefined],
    [{ node: "25.0.0" }, true, undefined],
    [{ node: "20.20.2" }, false, /^Expected Node 24\.16 or newer, got Node 20\.20\.2\. Install/],
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
});
