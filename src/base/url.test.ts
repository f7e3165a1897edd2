import assert from "node:assert/strict";
import { test } from "node:test";
import { hasUnencodedPassword, hideCredentials } from "./url.ts";

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

test("credentials in a text are hidden, and nothing else of its URLs", () => {
  for (const [text, shown] of [
    ["redis://:s3cret@host:6379/0", "redis://:…@host:6379/0"],
    ["redis://worker:s@cret@host", "redis://worker:…@host"],
    ["postgres://me:s3cret@h/db?password=s3cret&a=1", "postgres://me:…@h/db?password=…&a=1"],
    ["https://s3cret@host/a.jpg?id=7", "https://…@host/a.jpg?id=7"],
    [
      "https://b.s3.amazonaws.com/a.jpg?id=7&X-Amz-Signature=s3cret&X-Amz-Credential=s3cret",
      "https://b.s3.amazonaws.com/a.jpg?id=7&X-Amz-Signature=…&X-Amz-Credential=…",
    ],
    ['{"a":"https://h/a?sig=s3cret","b":"x@y"}', '{"a":"https://h/a?sig=…","b":"x@y"}'],
    ["/photos/a@b.jpg?key", "/photos/a@b.jpg?key"],
  ] as const) {
    assert.equal(hideCredentials(text), shown);
    assert.doesNotMatch(hideCredentials(text), /s3cret/);
  }
});
