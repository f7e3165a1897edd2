import type { LibraryHandle } from "koffi";
import { OrangeryError } from "../../errors.ts";
import { keepLibrary, loadLibrary } from "../library/load-library.ts";
import { checkSharedLibrary } from "../library/shared-library.ts";

/**
 * Opens the library of a provider, to stay open until the process ends.
 *
 * @throws `PROVIDER_NOT_FOUND`, `PROVIDER_DAMAGED`, `PROVIDER_DEPENDENCY_MISSING`
 */
export function openProvider(file: string): LibraryHandle {
  checkSharedLibrary(file);
  try {
    const handle = loadLibrary(file);
    keepLibrary(file);
    return handle;
  } catch (cause) {
    const { message } = cause as Error;
    throw (
      missingDependency(file, message, cause) ??
      new OrangeryError(
        "PROVIDER_DAMAGED",
        `Expected ${file} to be a shared library for this machine, but it could not be opened: ` +
          `${message}. Copy it again.`,
        { cause, details: { file } },
      )
    );
  }
}

/** The libraries of CUDA and cuDNN, by how their names begin. */
const cudaNames = /^lib(cudart|cublas|cublasLt|curand|cufft|cudnn\w*|nvrtc|nvJitLink)\.so/;

/** Returns the error for a library that the system did not find; undefined for another failure. */
export function missingDependency(
  file: string,
  message: string,
  cause?: unknown,
): OrangeryError | undefined {
  // glibc's words, and musl's.
  const [, before, after] =
    /(\S+): cannot open shared object file|Error loading shared library ([^\s:]+)/.exec(message) ??
    [];
  const library = before ?? after;
  if (library === undefined) return undefined;
  return new OrangeryError(
    "PROVIDER_DEPENDENCY_MISSING",
    `Expected the library ${library}, which ${file} needs, but it is missing. ` +
      (cudaNames.test(library)
        ? "`orangery devices add cuda` installs it."
        : "Install what it belongs to, or add its folder to LD_LIBRARY_PATH."),
    { cause, details: { file, library } },
  );
}
