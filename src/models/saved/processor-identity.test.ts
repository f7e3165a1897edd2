import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { processorIdentity } from "./processor-identity.ts";

test("the processor's identity is the same in every process of the machine", () => {
  const file = JSON.stringify(new URL("./processor-identity.ts", import.meta.url));
  const script = `process.stdout.write((await import(${file})).processorIdentity())`;
  const elsewhere = execFileSync(process.execPath, ["--input-type=module", "-e", script]);
  assert.match(processorIdentity(), /^[0-9a-f]{16}$/);
  assert.equal(elsewhere.toString(), processorIdentity());
});
