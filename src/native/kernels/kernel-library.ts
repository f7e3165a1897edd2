import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { programFile } from "../../base/files/program-file.ts";
import { canLoadLibrary, keepLibrary } from "../library/load-library.ts";

let found: { readonly file: string | undefined } | undefined;

/**
 * Returns the library of Orangery's own operators; undefined on machines that it is not made for,
 * and where it cannot be opened, as from a folder that allows no programs.
 */
export function kernelLibrary(): string | undefined {
  found ??= { file: find() };
  return found.file;
}

function find(): string | undefined {
  const name = `native/kernels/${process.platform}-${process.arch}.so`;
  const file = fileURLToPath(programFile(name));
  if (!existsSync(file) || !canLoadLibrary(file)) return undefined;
  // The runtime closes it with the last session, and a domain of its operators stays.
  keepLibrary(file);
  return file;
}
