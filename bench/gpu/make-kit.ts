/**
 * `npm run gpu:proof`: makes a folder of all that a machine with an NVIDIA card needs to prove it,
 * without a network and without anything installed: Node, this program with its sources and tests,
 * the fixtures where they are, and the CUDA provider that `orangery devices add cuda` has fetched.
 * CUDA's own libraries are not in it: they are taken from where the machine has them, such as
 * PyTorch's.
 *
 *     npm run gpu:proof -- [--out FOLDER] [--part-mb N] [--add FILE]…
 *
 * The folder has parts of a limited size, for machines that take little at once, and `prove.sh`,
 * which runs there: `bash prove.sh FOLDER-OF-PARTS RESULTS`. `--add` puts more libraries in, such
 * as Debian's libvulkan.so.1 for WebGPU.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  cpSync,
  createWriteStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { parseArgs } from "node:util";
import { constants, createZstdCompress, gzipSync } from "node:zlib";
import { readAdded } from "../../src/native/library/added-runtime.ts";

const { values } = parseArgs({
  options: {
    out: { type: "string", default: ".cache/gpu-proof" },
    "part-mb": { type: "string", default: "50" },
    add: { type: "string", multiple: true, default: [] },
  },
});
const root = resolve(import.meta.dirname, "../..");
const out = resolve(values.out);
const partBytes = Number(values["part-mb"]) * 1e6;
if (!(partBytes >= 1e6)) {
  throw new Error(`Expected --part-mb from 1 up, got ${values["part-mb"]}.`);
}
const cuda = readAdded("cuda");
if (cuda === undefined) {
  throw new Error(
    "Expected CUDA's provider in the cache folder, got none. Run `orangery devices add cuda`.",
  );
}

const folder = mkdtempSync(join(tmpdir(), "orangery-gpu-kit-"));
try {
  collect(join(folder, "kit"), cuda.folder);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  // Node unpacks what is packed tighter than by gzip, which every machine has.
  writeFileSync(join(out, "node.gz"), gzipSync(readFileSync(process.execPath), { level: 9 }));
  const archive = join(folder, "kit.tar.zst");
  await pack(folder, archive);
  const parts = split(archive);
  for (const name of ["prove.sh", "unpack.mjs"]) {
    cpSync(join(import.meta.dirname, name), join(out, name));
  }
  console.log(`node.gz and ${parts} parts, ${megabytes(archive)} MB, in ${out}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function collect(kit: string, providers: string): void {
  const program = join(kit, "main");
  for (const path of ["src", "bench/gpu", "test", "package.json"]) {
    cpSync(join(root, path), join(program, path), { recursive: true });
  }
  const fixtures = join(root, "../shared/fixtures");
  if (existsSync(fixtures)) cpSync(fixtures, join(kit, "shared/fixtures"), { recursive: true });
  for (const path of neededPackages()) {
    cpSync(join(root, path), join(program, path), { recursive: true });
  }
  const library = "node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1";
  for (const path of [library, "node_modules/onnxruntime-node/package.json"]) {
    mkdirSync(dirname(join(program, path)), { recursive: true });
    cpSync(join(root, path), join(program, path));
  }
  mkdirSync(join(kit, "lib"));
  for (const name of ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"]) {
    // The runtime looks for its providers beside itself.
    cpSync(join(providers, name), join(program, dirname(library), name));
  }
  for (const file of values.add) cpSync(file, join(kit, "lib", basename(file)));
}

/** What the program, its fixtures' writers and the tests for devices import. */
function neededPackages(): string[] {
  const listed = execFileSync("npm", ["ls", "--omit=dev", "--parseable", "--all"], {
    cwd: root,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const packages = listed.trim().split("\n").slice(1);
  return [...packages.map((path) => path.slice(root.length + 1)), "node_modules/kysely"];
}

async function pack(folder: string, archive: string): Promise<void> {
  const tar = spawn("tar", ["-cf", "-", "-C", folder, "kit"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const params = { [constants.ZSTD_c_compressionLevel]: 12 };
  await pipeline(tar.stdout, createZstdCompress({ params }), createWriteStream(archive));
}

function megabytes(file: string): number {
  return Math.round(statSync(file).size / 1e6);
}

function split(archive: string): number {
  const input = openSync(archive, "r");
  const buffer = Buffer.alloc(partBytes);
  let part = 0;
  for (let at = 0; ; part++) {
    const bytes = readSync(input, buffer, 0, partBytes, at);
    if (bytes === 0) break;
    const name = `part-${String(part).padStart(2, "0")}`;
    writeFileSync(join(out, name), buffer.subarray(0, bytes));
    at += bytes;
  }
  closeSync(input);
  return part;
}
