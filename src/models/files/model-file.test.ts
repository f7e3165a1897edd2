import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { appendFile, chmod, rm, stat, symlink, utimes, writeFile } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { isOrangeryError } from "../../errors.ts";
import { serializeSplitModel } from "../../graph/onnx/model-writer.ts";
import { readWholeModel } from "../../graph/onnx/whole-model.ts";
import { ModelFolder, tinyYolo } from "../yolo/tiny-yolo.fixture.ts";
import { describeModelFile, identifyModelFile, networkIdentity } from "./model-file.ts";

let folder: ModelFolder;
before(async () => {
  folder = await ModelFolder.create();
});
after(async () => {
  await folder[Symbol.asyncDispose]();
});

const sha256 = (contents: string) => createHash("sha256").update(contents).digest("hex");

describe("a model file", () => {
  test("is known by its path, size and contents", async () => {
    const path = await folder.write("a.onnx", "contents");
    const expected = { path, format: "onnx", bytes: 8, sha256: sha256("contents") };
    assert.deepEqual(await identifyModelFile(path), expected);
    assert.deepEqual(await identifyModelFile(relative(process.cwd(), path)), expected);
  });

  test("may be empty", async () => {
    const path = await folder.write("empty.onnx", "");
    const expected = { path, format: "onnx", bytes: 0, sha256: sha256("") };
    assert.deepEqual(await identifyModelFile(path), expected);
  });

  test("is a checkpoint by its first bytes, whatever its name", async () => {
    const path = await folder.write("zip.onnx", "PK\x03\x04rest");
    assert.equal((await identifyModelFile(path)).format, "checkpoint");
  });

  test("may be a link", async () => {
    const target = await folder.write("target.onnx", "target");
    const path = folder.file("link.onnx");
    await symlink(target, path);
    assert.equal((await identifyModelFile(path)).sha256, sha256("target"));
  });

  test("is hashed once for all who ask at the same time", async () => {
    const path = await folder.write("b.onnx", "b".repeat(100_000));
    const files = await Promise.all(Array.from({ length: 10 }, () => identifyModelFile(path)));
    assert.equal(new Set(files.map((file) => file.sha256)).size, 1);
  });

  test("is hashed again only when its stamp has changed", async () => {
    const path = await folder.write("c.onnx", "contents");
    const first = await identifyModelFile(path);
    const { atime, mtime, atimeMs } = await stat(path);
    assert.equal((await identifyModelFile(path)).sha256, first.sha256);
    assert.equal((await stat(path)).atimeMs, atimeMs);
    // Of the same size and time: the time of the change to the inode shows it.
    await writeFile(path, "CONTENTS");
    await utimes(path, atime, mtime);
    assert.equal((await identifyModelFile(path)).sha256, sha256("CONTENTS"));
  });

  test("has another hash when it is replaced, appended to or written again", async () => {
    const path = await folder.write("d.onnx", "one");
    await identifyModelFile(path);
    await folder.write("d.onnx", "two");
    assert.equal((await identifyModelFile(path)).sha256, sha256("two"));
    await appendFile(path, " more");
    assert.equal((await identifyModelFile(path)).sha256, sha256("two more"));
    await writeFile(path, "TWO MORE");
    assert.equal((await identifyModelFile(path)).sha256, sha256("TWO MORE"));
  });

  test("is another one with other weights beside it", async () => {
    const whole = readWholeModel(tinyYolo({ padding: 4096 }));
    const { model, weights } = serializeSplitModel(whole, "beside.bin");
    const path = await folder.write("beside.onnx", model);
    const beside = await folder.write("beside.bin", Buffer.concat(weights));

    const first = await identifyModelFile(path);
    assert.equal(first.bytes, model.length);
    assert.notEqual(first.sha256, createHash("sha256").update(model).digest("hex"));
    assert.deepEqual(await identifyModelFile(path), first);
    await writeFile(beside, new Uint8Array(8192).fill(1));
    assert.notEqual((await identifyModelFile(path)).sha256, first.sha256);
    await writeFile(beside, Buffer.concat(weights));
    assert.equal((await identifyModelFile(path)).sha256, first.sha256);

    await rm(beside);
    await assert.rejects(identifyModelFile(path), (error) => {
      assert.ok(isOrangeryError(error, "MODEL_NOT_FOUND"));
      assert.match(error.message, /weights of .*beside\.onnx.* in .*beside\.bin.*ENOENT/);
      return true;
    });
  });

  test("has no weights outside its folder", async () => {
    const whole = readWholeModel(tinyYolo({ padding: 4096 }));
    for (const place of ["../beside.bin", "/dev/zero", "in/../../beside.bin"]) {
      const { model } = serializeSplitModel(whole, place);
      const path = await folder.write("outside.onnx", model);
      const expected = createHash("sha256").update(model).digest("hex");
      assert.equal((await identifyModelFile(path)).sha256, expected, place);
    }
  });
});

describe("a model file that cannot be read", () => {
  const cases: [what: string, path: () => Promise<string>, why: RegExp][] = [
    ["is missing", async () => folder.file("missing.onnx"), /\(ENOENT\)/],
    ["is a folder", async () => folder.path, /\(it is not a file\)/],
    ["lies in a file", async () => `${await folder.write("e.onnx", "e")}/f.onnx`, /\(ENOTDIR\)/],
    ["has no name", async () => "", /\(it is not a file\)/],
  ];
  for (const [what, makePath, why] of cases) {
    test(`because it ${what} is MODEL_NOT_FOUND, which says so`, async () => {
      const path = await makePath();
      await assert.rejects(identifyModelFile(path), (error) => {
        assert.ok(isOrangeryError(error, "MODEL_NOT_FOUND"));
        assert.match(error.message, why);
        assert.equal(error.details.path, resolve(path));
        return true;
      });
    });
  }

  const isRoot = process.getuid?.() === 0;
  test("because of its rights is asked for again", {
    skip: isRoot && "root may read all",
  }, async () => {
    const path = await folder.write("secret.onnx", "secret");
    await chmod(path, 0);
    await assert.rejects(identifyModelFile(path), { code: "MODEL_NOT_FOUND" });
    await chmod(path, 0o600);
    assert.equal((await identifyModelFile(path)).sha256, sha256("secret"));
  });

  test("for the moment is read when it is back", async () => {
    const path = await folder.write("g.onnx", "one");
    await identifyModelFile(path);
    await rm(path);
    await assert.rejects(identifyModelFile(path), { code: "MODEL_NOT_FOUND" });
    await folder.write("g.onnx", "two");
    assert.equal((await identifyModelFile(path)).sha256, sha256("two"));
  });
});

test("a sample model's name is resolved to a file, any other is a path", async () => {
  assert.match((await identifyModelFile("sample:beds")).path, /[/\\]samples[/\\]beds\.onnx$/);
  const path = await folder.write("sample:x", "");
  assert.equal((await identifyModelFile(path)).path, path);
  for (const name of ["", "weeds", "constructor"]) {
    await assert.rejects(identifyModelFile(`sample:${name}`), {
      code: "MODEL_NOT_FOUND",
      message: `Expected a sample model of seedlings, beds, got \`${name}\`.`,
    });
  }
});

test("a network's identity is that of its file, with what it is made to compute in", () => {
  const calibration = { method: "extremes", model: "m", network: "n", ranges: "AAAA" } as const;
  const identities = [
    networkIdentity({ sha256: "s" }),
    networkIdentity({ sha256: "s", precision: "float16" }),
    networkIdentity({ sha256: "s", calibration }),
    networkIdentity({ sha256: "s", calibration: { ...calibration, ranges: "BBBB" } }),
  ];
  assert.deepEqual(identities.slice(0, 2), ["s", "s float16"]);
  assert.equal(new Set(identities).size, 4);
});

describe("the description of a file that is no model", () => {
  test("says that an ONNX model is cut off, wherever that is", async () => {
    const whole = tinyYolo({ padding: 1000 });
    for (const bytes of [2, 3, 20, 300, whole.length - 1]) {
      const file = await identifyModelFile(
        await folder.write("cut.onnx", whole.subarray(0, bytes)),
      );
      const description = await describeModelFile(file);
      const least = / cut off \(it has (\d+) of at least (\d+) bytes: copy /.exec(description)?.[2];
      assert.ok(Number(least) > bytes && Number(least) <= whole.length, description);
    }
    const file = await identifyModelFile(await folder.write("whole.onnx", whole));
    assert.doesNotMatch(await describeModelFile(file), /cut off/);
  });

  for (const [contents, expected] of [
    ["", "an empty file"],
    ["PK\x03\x04rest", "a zip archive, as a .pt checkpoint is"],
    ["abc", "3 bytes that begin with 61 62 63"],
  ] as const) {
    test(`says ${expected}`, async () => {
      const file = await identifyModelFile(await folder.write("other.bin", contents));
      assert.equal(await describeModelFile(file), expected);
    });
  }
});
