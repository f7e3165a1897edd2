import { closeSync, globSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

/** The numbers of ELF headers for processors. */
const elfMachines: Partial<Record<NodeJS.Architecture, number>> = { x64: 62, arm64: 183 };

/**
 * Lists binaries that do not run on this platform: of other systems, for other processors, and for
 * another C library than Debian's.
 */
export function foreignBinaries(folder: string): readonly string[] {
  const files = globSync("**/*.{node,so,so.*,dll,dylib,exe}", { cwd: folder, withFileTypes: true });
  return files
    .filter((entry) => entry.isFile() && /\.(node|so[.\d]*|dll|dylib|exe)$/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((file) => {
      if (file.includes("musl")) return true;
      const header = readStart(file);
      const isElf = header.toString("latin1", 1, 4) === "ELF";
      return !isElf || header.readUInt16LE(18) !== elfMachines[process.arch];
    });
}

function readStart(file: string): Buffer {
  const start = Buffer.alloc(20);
  const descriptor = openSync(file, "r");
  readSync(descriptor, start);
  closeSync(descriptor);
  return start;
}
