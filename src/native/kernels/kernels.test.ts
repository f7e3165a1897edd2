import assert from "node:assert/strict";
import { describe, test } from "node:test";
import koffi from "koffi";
import { loadLibrary } from "../library/load-library.ts";
import { sourceSha256 } from "./compile.fixture.ts";
import { kernelLibrary } from "./kernel-library.ts";

const file = kernelLibrary();
const isForThisMachine = process.platform === "linux" && process.arch === "x64";

test("there are kernels for Linux on x64, and elsewhere none", () => {
  assert.equal(file !== undefined, isForThisMachine);
});

describe("the kernels", { skip: !isForThisMachine && "there are none for this machine" }, () => {
  const library = isForThisMachine ? loadLibrary(file!) : undefined!;

  test("are made of their source", () => {
    const source = library.symbol("orangery_kernels_source", "char [64]");
    const text = Buffer.from(koffi.decode(source, koffi.array("uint8_t", 64))).toString();
    assert.equal(text, sourceSha256, "run `npm run build:kernels`");
  });

  for (const [number, name] of ["one by one", "with AVX2", "with AVX-512"].entries()) {
    test(`look up ${name} what the table has, and write nothing else`, (context) => {
      const lookUp = library.func("orangery_look_up", "bool", [
        "int",
        "const uint8_t *",
        "const uint8_t *",
        "uint8_t *",
        "size_t",
      ]);
      const table = Uint8Array.from({ length: 256 }, (_, i) => (i * 167 + 13) ^ (i >> 3));
      const bytes = Uint8Array.from({ length: 1400 }, (_, i) => (i * 97 + (i >> 8)) % 256);
      for (let count = 0; count <= 200; count++) {
        // At all alignments, and each byte in each place.
        const from = bytes.subarray(count * 5, count * 5 + count);
        const to = new Uint8Array(count + 64).fill(77);
        if (!lookUp(number, from, table, to, count)) return context.skip("not on this processor");
        assert.deepEqual(
          to.subarray(0, count),
          from.map((byte) => table[byte]!),
        );
        assert.ok(to.subarray(count).every((byte) => byte === 77));
      }
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      const to = new Uint8Array(256);
      lookUp(number, all, table, to, 256);
      assert.deepEqual(to, table);
    });
  }
});
