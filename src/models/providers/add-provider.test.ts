import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { isOrangeryError } from "../../errors.ts";
import { addedFile, readAdded } from "../../native/library/added-runtime.ts";
import { onnxRuntime } from "../../native/onnx-runtime.ts";
import { openVinoLibrary } from "../../native/providers/plugins.ts";
import { type AddProviderOptions, addProvider, removeProvider } from "./add-provider.ts";
import { defaultIndex, findWheel } from "./find-wheel.ts";
import {
  PackageIndex,
  TestProxy,
  testCublas,
  testProvider,
  testWheels,
} from "./package-index.fixture.ts";
import { planProvider } from "./plan-provider.ts";
import { providerWheels } from "./provider-wheels.ts";

const limit = { timeout: 60_000 };

describe("CUDA from a package index", limit, () => {
  const wheels = testWheels;
  const [provider, cublas] = [testProvider, testCublas];
  let index: PackageIndex;
  let cache: string;
  let folder: string;

  before(async () => {
    index = await PackageIndex.open([provider, cublas]);
  });
  after(() => index[Symbol.asyncDispose]());
  const environment = { ...process.env };
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), "orangery-add-"));
    folder = join(cache, "providers", "cuda");
    process.env.ORANGERY_CACHE = cache;
    index.behave({});
  });
  afterEach(async () => {
    for (const name of ["ORANGERY_CACHE", "HTTP_PROXY"]) {
      if (environment[name] === undefined) delete process.env[name];
      else process.env[name] = environment[name];
    }
    await rm(cache, { recursive: true });
  });

  async function add(options: Partial<AddProviderOptions> = {}): Promise<void> {
    await addProvider(await planProvider("cuda", { wheels }), { index: index.url, ...options });
  }

  function assertInPlace(): void {
    const expected = [addedFile, "libprovider-cuda.so", "libprovider-shared.so"];
    // The link is made as soon as the library is looked for.
    const files = readdirSync(folder).filter((name) => name !== "libonnxruntime.so.1");
    assert.deepEqual(files.sort(), [...expected, "libtestblas.so.13"].sort());
    assert.equal(readFileSync(join(folder, "libprovider-cuda.so"), "utf8"), "cuda ".repeat(20_000));
    assert.equal(readAdded("cuda")?.runtimeVersion, onnxRuntime.version);
    assert.deepEqual(readAdded("cuda")?.libraries, ["libtestblas.so.13"]);
  }

  const skipSystem = process.platform !== "linux" && "needs a library that the system has";

  test("the plan lists what is missing, with its sizes, and nothing once it is there", {
    skip: skipSystem,
  }, async () => {
    const plan = await planProvider("cuda", { wheels });
    assert.deepEqual(plan.missing, [provider, cublas], "what the system has is left out");
    assert.equal(plan.downloadBytes, provider.bytes + cublas.bytes);
    assert.equal(plan.diskBytes, 6 + 100_000 + 45);
    assert.equal(plan.isComplete, false);
    const seen: number[] = [];
    await add({ onProgress: (bytes) => seen.push(bytes) });
    assertInPlace();
    assert.equal(seen.at(-1), plan.downloadBytes);
    const after_ = await planProvider("cuda", { wheels });
    assert.deepEqual([after_.isComplete, after_.missing], [true, []]);
    assert.equal((await removeProvider("cuda")) > 100_000, true);
    assert.deepEqual([existsSync(folder), await removeProvider("cuda")], [false, 0]);
  });

  test("a library that is gone is brought again, and nothing else", async () => {
    await add();
    await rm(join(folder, "libtestblas.so.13"));
    index.behave({});
    await add();
    assertInPlace();
    assert.deepEqual(index.asked, [cublas.file]);
  });

  test("the provider of another runtime is replaced", async () => {
    await add();
    const added = JSON.parse(readFileSync(join(folder, addedFile), "utf8"));
    const other = JSON.stringify({ ...added, runtimeVersion: "1.22.0" });
    await writeFile(join(folder, addedFile), other);
    index.behave({});
    await add();
    assertInPlace();
    assert.deepEqual(index.asked, [provider.file]);
  });

  test("a mirror with a page of links serves as well, by name and password too", async () => {
    index.behave({ html: true, credentials: "me:p@ss" });
    await add({ index: index.url.replace("//", "//me:p%40ss@") });
    assertInPlace();
    await removeProvider("cuda");
    await assert.rejects(add(), { code: "DOWNLOAD_FAILED", message: /it answered 401/ });
    // A mirror may also write them into the addresses of its files.
    const files = `http://me:p%40ss@127.0.0.1:${index.port}/files`;
    const listing = [provider, cublas].map(({ file }) => `<a href="${files}/${file}">`).join("");
    index.behave({ credentials: "me:p@ss", listing });
    await add({ index: index.url.replace("//", "//me:p%40ss@") });
    assertInPlace();
  });

  test("a connection that breaks goes on where it broke", async () => {
    index.behave({ breaksAfter: 100, breaks: 1 });
    await add();
    assertInPlace();
    assert.deepEqual(index.asked.slice(0, 2), [provider.file, `${provider.file} bytes=100-`]);
  });

  for (const how of ["ignoresRanges", "refusesRanges"]) {
    test(`a server that ${how} sends all again`, async () => {
      index.behave({ breaksAfter: 100, breaks: 1, [how]: true });
      await add();
      assertInPlace();
    });
  }

  test("what was stopped goes on, whatever was left behind", async () => {
    // As a process leaves it that was killed within the second package: its lock, and half a file.
    await add();
    await rm(join(folder, addedFile));
    await rm(join(folder, "libtestblas.so.13"));
    await writeFile(join(folder, "lock"), "4194304");
    await writeFile(join(folder, `${cublas.file}.part`), cublas.contents.subarray(0, 50));
    await writeFile(join(folder, "libtestblas.so.13.part"), "bl");
    assert.equal(readAdded("cuda"), undefined, "what is not complete does not count");
    index.behave({});
    await add();
    assertInPlace();
    assert.deepEqual(index.asked, [`${cublas.file} bytes=50-`]);
  });

  const program = fileURLToPath(new URL("add-test-provider.fixture.ts", import.meta.url));

  test("a process that is killed leaves nothing that counts, and the next one goes on", async () => {
    index.behave({ hangsAfter: 100 });
    const child = spawn(process.execPath, [program, index.url], {
      stdio: ["ignore", "pipe", "inherit"],
      timeout: 30_000,
      killSignal: "SIGKILL",
    });
    const ended = once(child, "exit");
    // It prints when the first bytes are in the file.
    await Promise.race([once(child.stdout!, "data"), ended]);
    child.kill("SIGKILL");
    assert.deepEqual(await ended, [null, "SIGKILL"]);
    assert.equal(readAdded("cuda"), undefined);
    index.behave({});
    await add();
    assertInPlace();
    assert.deepEqual(index.asked[0], `${provider.file} bytes=100-`);
  });

  test("a disk that fills up leaves nothing", {
    skip: process.platform !== "linux" && "needs bash's ulimit",
  }, async () => {
    const script = `trap '' XFSZ; unset NODE_V8_COVERAGE; ulimit -f 40; exec "$@"`;
    const command = ["-c", script, "bash", process.execPath, program, index.url];
    const limited = promisify(execFile)("bash", command, { timeout: 30_000 });
    await assert.rejects(limited, (error: { stderr: string }) => {
      assert.match(error.stderr, /\[NO_SPACE\] .*got EFBIG\. Nothing is half written/);
      return true;
    });
    assert.deepEqual(readdirSync(folder), []);
  });

  test("an abort ends it with the signal's reason, and the next attempt goes on", async () => {
    const reason = new Error("enough");
    const stop = new AbortController();
    const adding = add({ signal: stop.signal, onProgress: () => stop.abort(reason) });
    await assert.rejects(adding, reason);
    assert.equal(readAdded("cuda"), undefined);
    await add();
    assertInPlace();
  });

  test("two at once: the second one says who is at work", async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "lock"), String(process.pid));
    const message = new RegExp(`process ${process.pid} is changing it`);
    await assert.rejects(add(), { code: "NOT_WRITABLE", message });
    await rm(join(folder, "lock"));
  });

  test("what has another hash or more bytes is thrown away", async () => {
    for (const [behaviour, reason] of [
      [{ swaps: true }, "its sha256"],
      [{ pads: true }, "it has more than"],
    ] as const) {
      index.behave(behaviour);
      const message = new RegExp(`ort-gpu 1\\.0 as PyPI has it, but ${reason}`);
      await assert.rejects(add(), { code: "DOWNLOAD_DAMAGED", message });
      assert.deepEqual(readdirSync(folder), []);
    }
  });

  test("an index without the package, and none at all, are reported", async () => {
    const other = { ...wheels, provider: { ...provider, project: "unknown" } };
    await assert.rejects(
      addProvider(await planProvider("cuda", { wheels: other }), { index: index.url }),
      {
        code: "DOWNLOAD_FAILED",
        message: /simple\/unknown\/, but it does not list ort_gpu-1\.0/,
      },
    );
    assert.deepEqual(readdirSync(folder), []);
    await assert.rejects(add({ index: "no address" }), { code: "INVALID_ARGUMENT" });
    assert.deepEqual(readdirSync(folder), []);
  });

  test("too little space is reported before anything is fetched", async () => {
    const huge = { ...provider, members: [{ path: "a/libhuge.so", bytes: 1e18 }] };
    const plan = await planProvider("cuda", { wheels: { ...wheels, provider: huge } });
    await assert.rejects(addProvider(plan, { index: index.url }), {
      code: "NO_SPACE",
      message: /Expected .* of free space in .*Nothing was fetched/,
    });
    assert.deepEqual([index.asked, readdirSync(folder)], [[], []]);
  });

  test("a proxy is followed that only the environment names", async () => {
    await using proxy = await TestProxy.open(index.port);
    process.env.HTTP_PROXY = proxy.url;
    await add({ index: "http://packages.invalid/simple" });
    assertInPlace();
    assert.deepEqual([...new Set(proxy.asked)], ["packages.invalid:80"]);
  });

  for (const listing of [
    ...['{"files": [', '{"error": "none"}', '<a href="%zz.whl">', "{}"],
    `<a href="file:///${provider.file}">`,
  ]) {
    test(`an index that answers ${listing} is refused with a code`, async () => {
      index.behave({ listing });
      await assert.rejects(add(), {
        code: "DOWNLOAD_FAILED",
        message: /\/simple\/ort-gpu\/, but its answer is no list of files \(.*\)\. Look at/,
      });
    });
  }

  test("a list of files that breaks off is a download that failed", async () => {
    index.behave({ breaksListing: true });
    await assert.rejects(findWheel(provider, { index: index.url }), {
      code: "DOWNLOAD_FAILED",
      message: /but terminated/,
    });
  });

  for (const proxy of ["127.0.0.1:3128", "proxy.corp:3128", "http://me:secret@[x"]) {
    test(`a proxy ${proxy} is refused before anything is fetched`, async () => {
      index.behave({});
      process.env.HTTP_PROXY = proxy;
      await assert.rejects(add(), (error: Error) => {
        assert.ok(isOrangeryError(error, "INVALID_ARGUMENT"), String(error));
        assert.match(error.message, /^Expected the address of a proxy in HTTP_PROXY, as in http:/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
      assert.deepEqual(index.asked, []);
    });
  }

  test("an empty file in the place of a library counts for nothing", async () => {
    await add();
    await truncate(join(folder, "libprovider-cuda.so"), 10);
    assert.equal((await planProvider("cuda", { wheels })).isComplete, false);
    await add();
    assertInPlace();
  });
});

describe("the packages of providers", () => {
  test("are pinned for the runtime that comes along, on Linux x64", () => {
    const known = providerWheels("cuda", onnxRuntime.version, { platform: "linux", arch: "x64" });
    assert.ok(known, `no provider is known for ONNX Runtime ${onnxRuntime.version}`);
    assert.equal(known.provider.version, onnxRuntime.version);
    for (const { sha256, bytes, members } of [known.provider, ...known.libraries]) {
      assert.match(sha256, /^[0-9a-f]{64}$/);
      assert.ok(bytes > 0 && members.length > 0);
    }
    assert.equal(providerWheels("cuda", "1.22.0", { platform: "linux", arch: "x64" }), undefined);
    assert.equal(
      providerWheels("cuda", onnxRuntime.version, { platform: "darwin", arch: "arm64" }),
      undefined,
    );
    assert.match(defaultIndex, /^https:/);
  });

  test("OpenVINO's plugin is for any runtime that takes plugins", () => {
    const linux = { platform: "linux", arch: "x64" };
    const { provider, libraries } = providerWheels("openvino", "1.24.0", linux)!;
    assert.deepEqual(libraries, []);
    assert.match(provider.sha256, /^[0-9a-f]{64}$/);
    assert.ok(provider.members.some(({ path }) => path.endsWith(`/${openVinoLibrary}`)));
    const arm = { platform: "linux", arch: "arm64" };
    assert.equal(providerWheels("openvino", "1.24.0", arm), undefined);
  });
});
