import { execFileSync } from "node:child_process";
import { hash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const source = new URL("kernels.c", import.meta.url);
const sources = readdirSync(import.meta.dirname)
  .filter((name) => /\.[ch]$/.test(name))
  .sort();

/** Identifies the sources that a binary is made of; it is part of the binary. */
export const sourceSha256 = hash(
  "sha256",
  Buffer.concat(sources.map((name) => readFileSync(new URL(name, import.meta.url)))),
);

/** Name and version of the compiler; undefined where there is none. */
export function findCompiler(): string | undefined {
  try {
    return execFileSync("gcc", ["--version"], { encoding: "utf8" }).split("\n")[0];
  } catch {
    return undefined;
  }
}

/** Compiles the kernels for Linux on the processor of this machine, without a C library. */
export function compileKernels(file: string): void {
  const flags = [
    ...["-O2", "-Wall", "-Wextra", "-Werror", "-Wno-cast-function-type"],
    ...["-shared", "-fPIC", "-fvisibility=hidden", "-ffreestanding", "-nostdlib"],
    ...["-s", "-Wl,--build-id=none", "-Wl,-z,noseparate-code", "-Wl,-z,now"],
    `-DORIGIN="${sourceSha256} ${findCompiler()}"`,
  ];
  execFileSync("gcc", [...flags, "-o", file, fileURLToPath(source), "-lgcc"], { stdio: "inherit" });
}
