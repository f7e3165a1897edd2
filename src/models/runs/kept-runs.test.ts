import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { KeptRuns } from "./kept-runs.ts";

let artifact: string;
before(async () => {
  artifact = await mkdtemp(join(tmpdir(), "orangery-runs-"));
});
after(async () => await rm(artifact, { recursive: true }));

describe("measurements beside a saved network", () => {
  test("are read as they were kept, each place its own", async () => {
    const kept = new KeptRuns(artifact);
    assert.equal(await kept.read("2 cores"), undefined);
    await kept.write("2 cores", [1.5e-6, null]);
    await kept.write("4 cores", [2e-6]);
    assert.deepEqual(await new KeptRuns(artifact).read("2 cores"), [1.5e-6, null]);
    assert.deepEqual(await new KeptRuns(artifact).read("4 cores"), [2e-6]);
  });

  test("that are damaged are none", async () => {
    for (const text of ["{", "[]", '{"2 cores":[-1]}', '{"2 cores":1}', "null"]) {
      await writeFile(join(artifact, "runs.json"), text);
      assert.equal(await new KeptRuns(artifact).read("2 cores"), undefined, text);
    }
  });

  test("are not kept where there is no saved network", async () => {
    const place = join(artifact, "gone");
    await new KeptRuns(place).write("2 cores", [1]);
    assert.ok(!existsSync(place));
  });
});
