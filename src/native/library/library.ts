import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMainThread } from "node:worker_threads";
import koffi, { type LibraryHandle } from "koffi";
import { programFile } from "../../base/files/program-file.ts";
import { OrangeryError } from "../../errors.ts";
import { besideAddedCuda } from "./added-runtime.ts";
import { keepLibrary, loadLibrary } from "./load-library.ts";
import { checkSharedLibrary } from "./shared-library.ts";

/** The environment variable that names another ONNX Runtime library than the bundled one. */
export const libraryVariable = "ORANGERY_ORT_LIBRARY";

/**
 * The ONNX Runtime API that the function table is asked for. 22 came with release 1.22, the first
 * whose session options take a load cancellation flag.
 */
const apiVersion = 22;

export interface NativeLibrary {
  readonly file: string;
  readonly version: string;
  /** Address of the `OrtApi` function table. */
  readonly tableAddress: bigint;
  /** koffi closes the library when its handle is collected: keep this as long as the table. */
  readonly handle: LibraryHandle;
}

/** File name of the shared library in a folder of binaries. */
function libraryFileName(platform: NodeJS.Platform): string {
  if (platform === "win32") return "onnxruntime.dll";
  return platform === "darwin" ? "libonnxruntime.1.dylib" : "libonnxruntime.so.1";
}

/**
 * Finds the ONNX Runtime library: `ORANGERY_ORT_LIBRARY` where it is set, else the file that was
 * packed into this package, else, in the repository, the one of the npm package `onnxruntime-node`.
 *
 * @throws `ORT_LIBRARY_NOT_FOUND`, naming what was looked for.
 */
export function findLibrary(env: NodeJS.ProcessEnv = process.env): string {
  const named = env[libraryVariable];
  if (named !== undefined && named !== "") {
    if (existsSync(named)) return named;
    throw new OrangeryError(
      "ORT_LIBRARY_NOT_FOUND",
      `Expected the ONNX Runtime library that ${libraryVariable} names, ` +
        `but \`${named}\` does not exist. ` +
        "Correct the variable, or unset it to use the bundled library.",
      { details: { lookedFor: named } },
    );
  }
  const { platform, arch } = process;
  const file = join(binariesFolder(), platform, arch, libraryFileName(platform));
  if (existsSync(file)) return besideAddedCuda(file, env);
  throw new OrangeryError(
    "ORT_LIBRARY_NOT_FOUND",
    `Expected the ONNX Runtime library at \`${file}\`, ` +
      `but there is none for ${platform}/${arch}. ` +
      `Pack Orangery with it (ORANGERY_PLATFORMS=${platform}/${arch} npm pack), ` +
      `or set ${libraryVariable} to a library of your own.`,
    { details: { lookedFor: file, platform, arch } },
  );
}

/** The folder that has the libraries by platform and architecture. */
function binariesFolder(): string {
  // `dist/runtime/`, which scripts/pack-runtime.ts fills; there is no such folder in `src/`.
  const packed = fileURLToPath(programFile("runtime"));
  if (existsSync(packed)) return packed;
  try {
    const manifest = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    return join(dirname(manifest), "bin", "napi-v6");
  } catch (cause) {
    throw new OrangeryError(
      "ORT_LIBRARY_NOT_FOUND",
      `Expected the ONNX Runtime library in \`${packed}\` or in the npm package ` +
        "`onnxruntime-node`, but neither is there. Run `npm install`, " +
        `or set ${libraryVariable} to a library of your own.`,
      { cause, details: { lookedFor: "onnxruntime-node" } },
    );
  }
}

/**
 * Opens the library and asks it for its function table.
 *
 * @throws `ORT_LIBRARY_NOT_FOUND` when the file is not such a library,
 *   `ORT_LIBRARY_TOO_OLD` when it does not offer the API version that is needed.
 */
export function openLibrary(file: string): NativeLibrary {
  disableTelemetry();
  let handle: LibraryHandle;
  let getApiBase: () => bigint | null;
  try {
    if (existsSync(file)) checkSharedLibrary(file);
    handle = loadLibrary(file);
    keepLibrary(file);
    getApiBase = handle.func("OrtGetApiBase", "void *", []);
  } catch (cause) {
    throw new OrangeryError(
      "ORT_LIBRARY_NOT_FOUND",
      `Expected \`${file}\` to be an ONNX Runtime library, but it could not be opened: ` +
        `${(cause as Error).message.replace(/\.$/, "")}. ` +
        `Set ${libraryVariable} to a library for ${process.platform}/${process.arch}.`,
      { cause, details: { lookedFor: file } },
    );
  }
  // struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t); const char* (*GetVersionString)(); }
  const base = koffi.decode(getApiBase(), koffi.array("void *", 2)) as [bigint, bigint];
  const version = koffi.call(base[1], koffi.proto("str", [])) as string;
  const minor = Number(version.split(".")[1]);
  // Asking an old library for a newer table makes it write to stderr, so its version decides first.
  const tableAddress =
    minor >= apiVersion
      ? (koffi.call(base[0], koffi.proto("void *", ["uint32_t"]), apiVersion) as bigint | null)
      : null;
  if (tableAddress === null) {
    throw new OrangeryError(
      "ORT_LIBRARY_TOO_OLD",
      `Expected ONNX Runtime 1.${apiVersion} or newer, got ${version} from \`${file}\`. ` +
        `Install a newer library, or unset ${libraryVariable}.`,
      { details: { expected: `1.${apiVersion}`, version, file } },
    );
  }
  return { file, version, tableAddress, handle };
}

/**
 * ONNX Runtime's builds for Linux report to Microsoft unless this is set before they are loaded:
 * they keep a database in the home folder and a log in /tmp, and take a regular expression to the
 * command line, which overflows the stack when that is longer than 7 KB (1.30).
 *
 * A worker thread has a copy of the environment, so there the real one is set through the C
 * library.
 */
function disableTelemetry(): void {
  const variable = "ORT_DISABLE_TELEMETRY";
  if (process.env[variable] !== undefined) return;
  process.env[variable] = "1";
  if (isMainThread || process.platform === "win32") return;
  const setenv = loadLibrary(null).func("setenv", "int", ["str", "str", "int"]);
  setenv(variable, "1", 0);
}
