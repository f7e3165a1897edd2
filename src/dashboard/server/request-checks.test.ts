import assert from "node:assert/strict";
import { hostname } from "node:os";
import { describe, test } from "node:test";
import { isFromOwnPage, isLoopback, isOwnHost } from "./request-checks.ts";

describe("a request", () => {
  test("is for this server by an address, localhost, the machine's name or a name given", () => {
    for (const host of ["127.0.0.1:8321", "[::1]:8321", "10.1.2.3", "localhost:1", hostname()]) {
      assert.ok(isOwnHost(host), host);
    }
    assert.ok(isOwnHost("Counts.Example.org", ["counts.example.org"]));
    for (const host of [
      undefined,
      "",
      "evil.org",
      "evil.org:80",
      "127.0.0.1.evil.org",
      "a b",
      "x@y",
    ]) {
      assert.ok(!isOwnHost(host, ["counts.example.org"]), host);
    }
  });

  test("of another site is recognised by what browsers send", () => {
    const host = "127.0.0.1:8321";
    assert.ok(isFromOwnPage({ host }));
    assert.ok(isFromOwnPage({ host, "sec-fetch-site": "same-origin", origin: `http://${host}` }));
    assert.ok(isFromOwnPage({ host, "sec-fetch-site": "none" }));
    for (const site of ["cross-site", "same-site"]) {
      assert.ok(!isFromOwnPage({ host, "sec-fetch-site": site }));
    }
    for (const origin of ["http://evil.org", "null", "http://127.0.0.1:9999"]) {
      assert.ok(!isFromOwnPage({ host, origin }), origin);
    }
  });
});

test("only this machine's own addresses need no password", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "localhost"]) assert.ok(isLoopback(host));
  for (const host of ["0.0.0.0", "::", "10.0.0.1", "127.evil.org", ""])
    assert.ok(!isLoopback(host));
});
