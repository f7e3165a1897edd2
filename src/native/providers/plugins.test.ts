import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { ErrorCode } from "../../errors.ts";
import { findLibrary } from "../library/library.ts";
import { onnxRuntime } from "../onnx-runtime.ts";
import {
  addPluginLibraries,
  findPluginDevice,
  openVinoLibrary,
  pluginDeviceLabel,
  pluginDevices,
  pluginLibraries,
  pluginVariable,
  registerPlugins,
} from "./plugins.ts";

const canCompile =
  process.platform === "linux" && spawnSync("gcc", ["--version"]).error === undefined;
const sample = fileURLToPath(new URL("../../models/samples/beds.onnx", import.meta.url));
const limit = { timeout: 60_000 };

describe("plugins of execution providers", { skip: !canCompile && "needs Linux and gcc" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "orangery-plugins-"));
  const path = (name: string) => join(folder, name);
  const source = fileURLToPath(new URL("pretend-plugin.test.c", import.meta.url));

  function compile(name: string, ...options: readonly string[]): string {
    const flags = ["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", path(name)];
    execFileSync("gcc", [...flags, ...options]);
    return path(name);
  }

  function makePipe(name: string): string {
    execFileSync("mkfifo", [path(name)]);
    return path(name);
  }

  let plugin: string;
  before(() => {
    plugin = compile("libpretend.so", source);
  });
  after(() => rmSync(folder, { recursive: true }));
  afterEach(() => {
    delete process.env[pluginVariable];
  });

  const findPretend = async (index = 0) => await findPluginDevice({ provider: "pretend", index });

  test("ORANGERY_EP_LIBRARY lists files as PATH does, each once", () => {
    const env = { [pluginVariable]: ["/a.so", "", "b.so", "/a.so"].join(delimiter) };
    assert.deepEqual(pluginLibraries(env), ["/a.so", join(process.cwd(), "b.so")]);
    assert.deepEqual(pluginLibraries({}), []);
  });

  test("a path that such a list cannot hold is refused", () => {
    const [apart, whole] = [path(`a${delimiter}b.so`), path("c.so")];
    const wanted = { code: "INVALID_ARGUMENT", message: /without `[:;]`.*Rename the file/ };
    assert.throws(() => addPluginLibraries([whole, apart]), wanted);
    assert.deepEqual(pluginLibraries(), []);
    addPluginLibraries([whole]);
    assert.deepEqual(pluginLibraries(), [whole]);
  });

  test("OpenVINO's counts where it was added, unless one is named", () => {
    const providers = path("providers");
    const env = { ORANGERY_PROVIDERS: providers };
    mkdirSync(join(providers, "openvino"), { recursive: true });
    assert.deepEqual(pluginLibraries(env), [], "it is not complete");
    writeFileSync(join(providers, "openvino", "added.json"), "{}");
    assert.deepEqual(pluginLibraries(env), [join(providers, "openvino", openVinoLibrary)]);
    const named = join("/mine", openVinoLibrary);
    assert.deepEqual(pluginLibraries({ ...env, [pluginVariable]: named }), [named]);
    assert.deepEqual(pluginLibraries({ ...env, [pluginVariable]: "/a.so" }).length, 2);
  });

  test("a plugin is registered once, and its devices are listed by name", limit, async () => {
    process.env[pluginVariable] = plugin;
    const devices = await Promise.all([findPretend(), findPretend()]);
    assert.equal(devices[0].address, devices[1].address);
    const { vendor, address, ...device } = devices[0];
    assert.deepEqual(device, {
      provider: "pretend",
      hardware: "cpu",
      index: 0,
      version: "1.2.3",
      library: plugin,
    });
    assert.deepEqual(pluginDevices().map(pluginDeviceLabel), ["pretend:cpu"]);
    assert.deepEqual(await registerPlugins(), []);
  });

  test("a device that it does not offer is reported with those that it does", limit, async () => {
    process.env[pluginVariable] = plugin;
    const message = `${plugin} offers pretend:cpu`;
    await assert.rejects(findPretend(1), { code: "DEVICE_UNAVAILABLE", message });
    const gpu = findPluginDevice({ provider: "pretend", hardware: "gpu", index: 0 });
    await assert.rejects(gpu, { code: "DEVICE_UNAVAILABLE", message });
  });

  test("options reach the provider, and its failure the caller", limit, async () => {
    process.env[pluginVariable] = plugin;
    const session = onnxRuntime.createSession(sample, {
      provider: {
        name: "plugin",
        plugin: { provider: "pretend", index: 0 },
        options: { wish: "light" },
      },
    });
    const message = /this provider only pretends; its wish is light/;
    await assert.rejects(session, { code: "ORT_FAILED", message });
  });

  test("cuda:N is a plugin's where one offers it", limit, async () => {
    process.env[pluginVariable] = compile(
      "cuda.so",
      `-DNAME="CudaPluginExecutionProvider"`,
      source,
    );
    await registerPlugins();
    assert.ok(pluginDevices().map(pluginDeviceLabel).includes("cuda:0"));
    const provider = { name: "cuda", options: { device_id: "0" } } as const;
    // The plugin was asked for a session, and looked for its wish.
    await assert.rejects(onnxRuntime.createSession(sample, { provider }), /wish/);
    const second = { name: "cuda", options: { device_id: "1" } } as const;
    await assert.rejects(onnxRuntime.createSession(sample, { provider: second }), {
      code: "DEVICE_UNAVAILABLE",
      message: /offers .*cuda:0/,
    });
  });

  describe("what is none is reported before anything crashes:", () => {
    const cases: readonly [what: string, make: () => string, code: ErrorCode, message: RegExp][] = [
      ["a missing file", () => path("none.so"), "PROVIDER_NOT_FOUND", /none\.so.*does not exist/],
      ["a folder", () => folder, "PROVIDER_NOT_FOUND", /is a folder/],
      ["a pipe", () => makePipe("pipe.so"), "PROVIDER_NOT_FOUND", /is no file/],
      [
        "a text file",
        () => write("text.so", "Not Found\n"),
        "PROVIDER_DAMAGED",
        /begins with the text "Not Foun"/,
      ],
      ["an empty file", () => write("empty.so", ""), "PROVIDER_DAMAGED", /it is empty/],
      [
        "a library that was cut off",
        () => write("half.so", readFileSync(plugin).subarray(0, 9000)),
        "PROVIDER_DAMAGED",
        /cut off: it has 9000 bytes of at least \d+/,
      ],
      [
        "a library that was cut off within its header",
        () => write("header.so", readFileSync(plugin).subarray(0, 40)),
        "PROVIDER_DAMAGED",
        /cut off: it has 40 bytes/,
      ],
      [
        "a library for another processor",
        () => {
          const bytes = readFileSync(plugin);
          bytes.writeUInt16LE(process.arch === "x64" ? 183 : 62, 18);
          return write("other.so", bytes);
        },
        "PROVIDER_DAMAGED",
        process.arch === "x64" ? /is for arm64, and this is x64/ : /is for x64, and this is/,
      ],
      [
        "a library that is no plugin",
        () => findLibrary(),
        "PROVIDER_NOT_PLUGIN",
        /has no CreateEpFactories/,
      ],
      [
        "a library whose own library is missing",
        () => {
          compile("libgone.so", "-xc", write("gone.c", "int gone(void) { return 0; }"));
          const needing = compile("needing.so", "-Wl,--no-as-needed", source, path("libgone.so"));
          rmSync(path("libgone.so"));
          return needing;
        },
        "PROVIDER_DEPENDENCY_MISSING",
        /Expected the library \S*libgone\.so, which \S+needing\.so needs, but it is missing/,
      ],
      [
        "a plugin that returns an error",
        () =>
          compile(
            "refuses.so",
            "-DREFUSES",
            "-Wno-unused-function",
            "-Wno-unused-variable",
            source,
          ),
        "PROVIDER_FAILED",
        /there is no licence/,
      ],
      [
        "a plugin for a newer runtime, which would end the process",
        () => compile("newer.so", "-DAPI_VERSION=999", source),
        "PROVIDER_VERSION_MISMATCH",
        /ONNX Runtime 1\.\d+\.\d+, which offers the API versions 1 to \d+, but \S+ asks for 999/,
      ],
      [
        "a plugin that ends the process",
        () => compile("crashes.so", "-xc", write("crashes.c", crashing)),
        "PROVIDER_FAILED",
        /ended its process \(SIGABRT\), with ONNX Runtime 1\./,
      ],
    ];
    for (const [what, make, code, message] of cases) {
      test(what, limit, async () => {
        process.env[pluginVariable] = make();
        const failures = await registerPlugins();
        assert.deepEqual([failures.length, failures[0]?.error.code], [1, code]);
        assert.match(failures[0]!.error.message, message);
        await assert.rejects(findPluginDevice({ provider: "other", index: 0 }), { code });
      });
    }
  });

  test("one that fails does not keep another from its devices", limit, async () => {
    process.env[pluginVariable] = [path("none.so"), plugin].join(delimiter);
    assert.equal((await findPretend()).library, plugin);
  });

  test("a device that may be any one's is missing for what is wrong with all", limit, async () => {
    process.env[pluginVariable] = [path("none.so"), write("nothing.so", "")].join(delimiter);
    await assert.rejects(findPluginDevice({ provider: "other", index: 0 }), {
      code: "PROVIDER_NOT_FOUND",
      message: /none\.so, but that does not exist\. .*nothing\.so .* but it is empty\. Copy it/,
    });
  });

  const crashing =
    "#include <stdlib.h>\nvoid *CreateEpFactories(void) { abort(); }\nvoid ReleaseEpFactory(void) {}\n";

  function write(name: string, contents: string | Uint8Array): string {
    writeFileSync(path(name), contents);
    return path(name);
  }
});
