import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import koffi from "koffi";
import { loadLibrary } from "../library/load-library.ts";
import { compileKernels, findCompiler, sourceSha256 } from "./compile.fixture.ts";
import { kernelLibrary, openKernels } from "./kernel-library.ts";

const file = kernelLibrary()?.file;
const isForThisMachine = process.platform === "linux" && process.arch === "x64";

test("there are kernels for Linux on x64, and elsewhere none", () => {
  assert.equal(file !== undefined, isForThisMachine);
});

describe("the kernels", { skip: !isForThisMachine && "there are none for this machine" }, () => {
  const library = isForThisMachine ? loadLibrary(file!) : undefined!;

  test("are made of their source, to the byte where the compiler is the same", async (context) => {
    const origin: string = koffi.decode(
      library.symbol("orangery_kernels_origin", "char"),
      "char",
      -1,
    );
    const [source, ...compiler] = origin.split(" ");
    assert.equal(source, sourceSha256, "run `npm run build:kernels`");
    if (compiler.join(" ") !== findCompiler()) return context.diagnostic(`made by ${compiler}`);
    await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-kernels-"));
    const compiled = join(folder.path, "kernels.so");
    compileKernels(compiled);
    assert.ok(readFileSync(compiled).equals(readFileSync(file!)), "run `npm run build:kernels`");
  });

  test("are left out where they are cut off, which would end the process", async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), "orangery-kernels-"));
    const [whole, cutOff] = [readFileSync(file!), join(folder.path, "cut-off.so")];
    for (const bytes of [0, 10, 1000, 5000, 50_000, whole.length - 1]) {
      writeFileSync(cutOff, whole.subarray(0, bytes));
      assert.equal(openKernels(cutOff), undefined, `${bytes} bytes`);
    }
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

  for (const [quickly, how] of ["one by one", "as this processor does it"].entries()) {
    test(`put pixels into planes ${how}, and write nothing else`, () => {
      const toPlanes = library.func("orangery_to_planes", "void", [
        ...["int", "const uint8_t *", "float *", "size_t", "size_t"],
      ]);
      const bytes = Uint8Array.from({ length: 1200 }, (_, i) => (i * 97 + (i >> 8)) % 256);
      for (let pixels = 0; pixels <= 100; pixels++) {
        // At all alignments.
        const photo = bytes.subarray(pixels, pixels + 3 * pixels);
        const plane = pixels + 3;
        const planes = new Float32Array(3 * plane).fill(77);
        toPlanes(quickly, photo, planes, plane, pixels);
        for (let i = 0; i < pixels; i++) {
          const rgb = photo.subarray(3 * i, 3 * i + 3);
          const unit = [0, 1, 2].map((channel) => planes[channel * plane + i]);
          assert.deepEqual(unit, [...Float32Array.from(rgb, (byte) => byte / 255)]);
        }
        for (const start of [0, plane, 2 * plane]) {
          const after = planes.subarray(start + pixels, start + plane);
          assert.ok(after.every((value) => value === 77));
        }
      }
    });
  }
});
