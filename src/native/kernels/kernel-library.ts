import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { programFile } from "../../base/files/program-file.ts";
import { canLoadLibrary, keepLibrary, loadLibrary } from "../library/load-library.ts";
import { isWholeLibrary } from "../library/shared-library.ts";

/** The library of Orangery's own operators. */
export interface KernelLibrary {
  readonly file: string;
  /**
   * Channels of a block of its convolutions, which is one of `com.microsoft.nchwc` on this
   * processor: 8 or 16; 0 where they have no kernel.
   */
  readonly lanes: number;
}

let found: { readonly library: KernelLibrary | undefined } | undefined;

/**
 * Returns the library of Orangery's own operators; undefined on machines that it is not made for,
 * and where it cannot be opened, as from a folder that allows no programs, or is cut off.
 */
export function kernelLibrary(): KernelLibrary | undefined {
  const name = `native/kernels/${process.platform}-${process.arch}.so`;
  found ??= { library: openKernels(fileURLToPath(programFile(name))) };
  return found.library;
}

/** Opens a library of the operators; undefined where it cannot be used. */
export function openKernels(file: string): KernelLibrary | undefined {
  if (!existsSync(file) || !isWholeLibrary(file) || !canLoadLibrary(file)) return undefined;
  // The runtime closes it with the last session, and a domain of its operators stays.
  keepLibrary(file);
  const lanes: number = loadLibrary(file).func("orangery_lanes", "size_t", [])();
  return { file, lanes };
}
