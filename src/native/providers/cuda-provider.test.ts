import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { addedFile, addedFolder, besideAddedCuda } from "../library/added-runtime.ts";
import { findLibrary } from "../library/library.ts";
import { onnxRuntime } from "../onnx-runtime.ts";
import { hasNvidiaDriver, versionsIn } from "./cuda-provider.ts";

const isPossible =
  process.platform === "linux" &&
  !hasNvidiaDriver() &&
  spawnSync("gcc", ["--version"]).error === undefined;
const skip = !isPossible && "needs Linux, gcc, and no driver of NVIDIA";
const program = fileURLToPath(new URL("try-cuda.fixture.ts", import.meta.url));

describe("CUDA's provider beside the runtime", { skip, concurrency: 2 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "orangery-cuda-"));
  after(() => rmSync(folder, { recursive: true }));
  const { version } = onnxRuntime;

  /** Makes a folder with a provider that needs `libcublasLt.so.13`, which stays elsewhere. */
  async function makeProvider(name: string, providerVersion: string): Promise<string> {
    const place = join(folder, name);
    await mkdir(join(place, "elsewhere"), { recursive: true });
    const cublas = compile(join(place, "elsewhere", "libcublasLt.so.13"), "int lt;");
    compile(
      join(place, "libonnxruntime_providers_shared.so"),
      "void Provider_SetHost(void *host) {}",
    );
    const source = `const char versions[] = "\\0" "${providerVersion}";`;
    compile(join(place, "libonnxruntime_providers_cuda.so"), source, cublas);
    return place;
  }

  /** A driver and a cuDNN that can be opened, and no more. */
  async function makeDriver(name: string): Promise<string> {
    const place = join(folder, name);
    await mkdir(place, { recursive: true });
    compile(join(place, "libcuda.so.1"), "int driver;");
    compile(join(place, "libcudnn.so.9"), "int cudnn;");
    return place;
  }

  function compile(file: string, source: string, ...libraries: readonly string[]): string {
    const name = file.slice(file.lastIndexOf("/") + 1);
    const flags = ["-shared", "-fPIC", `-Wl,-soname,${name},--no-as-needed`, "-o", file];
    execFileSync("gcc", [...flags, "-xc", "-", "-xnone", ...libraries], { input: source });
    return file;
  }

  function linkRuntime(place: string): string {
    symlinkSync(findLibrary(), join(place, "libonnxruntime.so.1"));
    return join(place, "libonnxruntime.so.1");
  }

  async function fails(env: NodeJS.ProcessEnv): Promise<{ code: string; message: string }> {
    const { stdout } = await promisify(execFile)(process.execPath, [program], {
      env: { ...process.env, ...env },
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
    return JSON.parse(stdout);
  }

  test("of another version is refused with both numbers, before it is opened", async () => {
    const place = await makeProvider("newer", "1.31.1");
    const { code, message } = await fails({ ORANGERY_ORT_LIBRARY: linkRuntime(place) });
    assert.equal(code, "PROVIDER_VERSION_MISMATCH");
    assert.match(
      message,
      new RegExp(`providers_cuda\\.so to be of ONNX Runtime ${version}, got 1\\.31\\.1`),
    );
  });

  test("that was cut off is refused before it is opened", async () => {
    const place = await makeProvider("half", version);
    const file = join(place, "libonnxruntime_providers_cuda.so");
    writeFileSync(file, readFileSync(file).subarray(0, 5000));
    const { code, message } = await fails({ ORANGERY_ORT_LIBRARY: linkRuntime(place) });
    assert.deepEqual(
      [code, /cut off: it has 5000 bytes/.test(message)],
      ["PROVIDER_DAMAGED", true],
    );
  });

  test("goes as far as the missing driver, and says so", async () => {
    const place = await makeProvider("driverless", version);
    const { code, message } = await fails({ ORANGERY_ORT_LIBRARY: linkRuntime(place) });
    assert.equal(code, "DEVICE_UNAVAILABLE");
    assert.match(message, /^there is no NVIDIA driver \(libcuda\.so\.1\)/);
  });

  test("names the library of CUDA that is missing, and the command that brings it", async () => {
    const place = await makeProvider("bare", version);
    const { code, message } = await fails({
      ORANGERY_ORT_LIBRARY: linkRuntime(place),
      LD_LIBRARY_PATH: await makeDriver("bare-driver"),
    });
    assert.equal(code, "PROVIDER_DEPENDENCY_MISSING");
    assert.match(message, /library libcublasLt\.so\.13.*`orangery devices add cuda` installs it/);
  });

  test("in the cache folder is found, and its libraries are opened by their paths", async () => {
    const cache = join(folder, "cache");
    const place = await makeProvider("cache/providers/cuda", version);
    compile(join(place, "libcublasLt.so.13"), "int lt;");
    const runtime = findLibrary({ ...process.env, ORANGERY_CACHE: join(folder, "none") });
    const runtimeBytes = statSync(runtime).size;
    const added = { runtimeVersion: version, runtimeBytes, libraries: ["libcublasLt.so.13"] };
    writeFileSync(join(place, addedFile), JSON.stringify(added));
    const env = { ORANGERY_CACHE: cache, LD_LIBRARY_PATH: await makeDriver("cache-driver") };
    const { code, message } = await fails(env);
    // It was opened with all that it needs, and only then is no provider.
    assert.deepEqual([code, /GetProvider/.test(message)], ["ORT_FAILED", true], message);

    assert.equal(addedFolder("cuda", env), place);
    const providers = join(cache, "providers");
    assert.equal(addedFolder("cuda", { ORANGERY_PROVIDERS: providers }), place);
    assert.equal(besideAddedCuda(runtime, env), join(place, "libonnxruntime.so.1"));
    writeFileSync(join(place, addedFile), JSON.stringify({ ...added, runtimeBytes: 1 }));
    assert.equal(besideAddedCuda(runtime, env), runtime, "that of another runtime is left alone");
  });
});

const added = process.env.ORANGERY_TEST_CUDA;

test("CUDA as `orangery devices add cuda` brings it goes as far as the driver", {
  skip: added === undefined ? "ORANGERY_TEST_CUDA names no cache folder with CUDA" : skip,
  timeout: 60_000,
}, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [program], {
    env: { ...process.env, ORANGERY_CACHE: added },
    timeout: 60_000,
    killSignal: "SIGKILL",
  });
  const { code, message } = JSON.parse(stdout);
  assert.equal(code, "DEVICE_UNAVAILABLE");
  assert.match(message, /^there is no NVIDIA driver \(libcuda\.so\.1\)/);
});

test("the versions that a library states are read out of it", async () => {
  const runtime = findLibrary();
  assert.ok((await versionsIn(runtime, onnxRuntime.version)).includes(onnxRuntime.version));
  assert.ok(!(await versionsIn(runtime, "1.99.0")).includes("1.99.0"));
});
