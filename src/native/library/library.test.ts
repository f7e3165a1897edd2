import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { findLibrary, libraryVariable, openLibrary } from "./library.ts";

describe("the ONNX Runtime library", () => {
  const folder = mkdtempSync(join(tmpdir(), "orangery-library-"));
  after(() => rmSync(folder, { recursive: true }));

  test("is the bundled one, where nothing else is named", () => {
    const file = findLibrary({});
    assert.match(file, /onnxruntime-node/);
    assert.match(openLibrary(file).version, /^1\.\d+\.\d+$/);
  });

  test("is the one that the variable names", () => {
    const bundled = findLibrary({});
    assert.equal(findLibrary({ [libraryVariable]: bundled }), bundled);
  });

  test("is not found where the variable names no file, and the error names it", () => {
    assert.throws(
      () => findLibrary({ [libraryVariable]: "/no/such/lib.so" }),
      (error) =>
        isOrangeryError(error, "ORT_LIBRARY_NOT_FOUND") &&
        error.message.includes("/no/such/lib.so") &&
        error.details.lookedFor === "/no/such/lib.so",
    );
  });

  test("is not found in a file that is no library", () => {
    const file = join(folder, "text.so");
    writeFileSync(file, "no library");
    assert.throws(
      () => openLibrary(file),
      (error) => isOrangeryError(error, "ORT_LIBRARY_NOT_FOUND") && error.message.includes(file),
    );
  });

  test("is not found in a library that is cut off, which would end the process", {
    skip: process.platform !== "linux" && "only Linux's libraries are looked into",
  }, () => {
    const file = join(folder, "cut-off.so");
    writeFileSync(file, readFileSync(findLibrary({})).subarray(0, 1_000_000));
    assert.throws(
      () => openLibrary(file),
      (error) =>
        isOrangeryError(error, "ORT_LIBRARY_NOT_FOUND") &&
        /it is cut off: it has 1000000 bytes of at least \d+\. Copy it again\. Set /.test(
          error.message,
        ),
    );
  });

  const compiler = spawnSync("cc", ["--version"]).status === 0;
  test("is too old below 1.22, and the error names both versions", {
    skip: compiler ? false : "no C compiler to build an old library with",
  }, () => {
    const source = join(folder, "old.c");
    const file = join(folder, "libold.so");
    // The two functions with which every ONNX Runtime begins, as version 1.9 answered them.
    writeFileSync(
      source,
      `#include <stdint.h>
       static const void *get_api(uint32_t version) { return 0; }
       static const char *get_version(void) { return "1.9.0"; }
       static const struct { const void *(*api)(uint32_t); const char *(*version)(void); } base =
         { get_api, get_version };
       const void *OrtGetApiBase(void) { return &base; }`,
    );
    const built = spawnSync("cc", ["-shared", "-fPIC", "-o", file, source], { encoding: "utf8" });
    assert.equal(built.status, 0, built.stderr);
    assert.throws(
      () => openLibrary(file),
      (error) =>
        isOrangeryError(error, "ORT_LIBRARY_TOO_OLD") &&
        error.message.includes("1.9.0") &&
        error.message.includes("1.22"),
    );
  });
});
