/** One name, one thing: whoever searches for an exported name finds one declaration. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "..", "src");
const declaration =
  /^export (?:declare )?(?:abstract )?(?:async )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;

test("no two things that src/ exports share a name", () => {
  const places = new Map<string, string[]>();
  for (const file of globSync("**/*.ts", { cwd: root })) {
    if (/\.(test|fixture)\.ts$/.test(file)) continue;
    for (const [, name] of readFileSync(join(root, file), "utf8").matchAll(declaration)) {
      places.set(name!, [...(places.get(name!) ?? []), file]);
    }
  }
  assert.ok(places.size > 500, `found ${places.size} exported names`);
  const homonyms = [...places].filter(([, files]) => files.length > 1);
  assert.deepEqual(homonyms, []);
});
