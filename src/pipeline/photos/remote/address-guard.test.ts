import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertPublicHost, isPublicAddress, lookupPublic } from "./address-guard.ts";

describe("isPublicAddress", () => {
  const cases: [address: string, isPublic: boolean][] = [
    ["8.8.8.8", true],
    ["172.15.255.255", true],
    ["172.32.0.1", true],
    ["2606:4700::1111", true],
    ["0.0.0.0", false],
    ["10.1.2.3", false],
    ["100.64.0.1", false],
    ["127.0.0.1", false],
    ["127.9.9.9", false],
    ["169.254.169.254", false],
    ["172.16.0.1", false],
    ["192.168.1.1", false],
    ["224.0.0.1", false],
    ["255.255.255.255", false],
    ["::", false],
    ["::1", false],
    ["::ffff:127.0.0.1", false],
    ["::ffff:8.8.8.8", false],
    ["64:ff9b::7f00:1", false],
    ["2002:7f00:1::", false],
    ["2001:0:7f00:1::", false],
    ["2001:db8::1", false],
    ["fc00::1", false],
    ["fe80::1", false],
    ["ff02::1", false],
  ];
  for (const [address, isPublic] of cases) {
    test(`${address} is ${isPublic ? "" : "not "}public`, () => {
      assert.equal(isPublicAddress(address), isPublic);
    });
  }
});

describe("assertPublicHost", () => {
  for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "[::1]", "[::ffff:10.0.0.1]"]) {
    test(`refuses http://${host}/, however it is written`, () => {
      assert.throws(() => assertPublicHost(new URL(`http://${host}/a.jpg`)), {
        code: "PHOTO_ADDRESS_REFUSED",
      });
    });
  }

  test("lets names pass, which are checked when they are resolved", () => {
    assertPublicHost(new URL("http://localhost/a.jpg"));
  });
});

describe("lookupPublic", () => {
  for (const all of [true, false]) {
    test(`refuses a name that resolves to this machine (all: ${all})`, async () => {
      const { promise, resolve } = Promise.withResolvers<NodeJS.ErrnoException | null>();
      lookupPublic("localhost", { all }, (error) => resolve(error));
      assert.equal((await promise)?.code, "PHOTO_ADDRESS_REFUSED");
    });
  }
});
