import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RestartBackoff } from "./restart-backoff.ts";

describe("the wait before a restart", () => {
  test("doubles with each failure in a row, less up to half by chance, to a longest wait", () => {
    const backoff = new RestartBackoff({ firstMs: 100, longestMs: 1000 });
    assert.equal(backoff.waitMs, 0);
    for (const most of [100, 200, 400, 800, 1000, 1000]) {
      backoff.failed();
      for (let i = 0; i < 20; i += 1) {
        assert.ok(backoff.waitMs > most / 2 && backoff.waitMs <= most);
      }
    }
  });

  test("is none after a success, and then begins at the beginning", () => {
    const backoff = new RestartBackoff({ firstMs: 100 });
    for (let i = 0; i < 5; i += 1) backoff.failed();
    backoff.succeeded();
    assert.equal(backoff.waitMs, 0);
    backoff.failed();
    assert.ok(backoff.waitMs <= 100);
  });

  test("ends with too many failures in a row", () => {
    const backoff = new RestartBackoff({ mostFailures: 2 });
    backoff.failed();
    backoff.succeeded();
    backoff.failed();
    assert.equal(backoff.isExhausted, false);
    backoff.failed();
    assert.equal(backoff.isExhausted, true);
  });
});
