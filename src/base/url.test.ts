import assert from "node:assert/strict";
import { test } from "node:test";
import { hasUnencodedPassword } from "./url.ts";

const cases: [url: string, isUnencoded: boolean][] = [
  ["redis://:p/w@host:6379", true],
  ["redis://:p#w@host:6379/0", true],
  ["postgres://user:12?w@host/db", true],
  ["redis://:50%off@host", true],
  ["redis://:p%2Fw@host:6379", false],
  ["redis://:p@w@host:6379", false],
  ["redis://host:6379/0", false],
  ["postgres://host/db?application_name=50%", false],
  ["/photos/a@b.jpg", false],
];
for (const [url, isUnencoded] of cases) {
  test(`a password is ${isUnencoded ? "unencoded" : "encoded or absent"} in ${url}`, () => {
    assert.equal(hasUnencodedPassword(url), isUnencoded);
  });
}
