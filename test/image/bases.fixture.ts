/** Stand-ins for the images that the Dockerfiles begin with. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { ensureInstalled } from "../servers/debian-packages.ts";
import { type Base, type Image, linkFile } from "./image-builder.fixture.ts";
import type { Mount } from "./sandbox.fixture.ts";

const node = process.execPath;

/**
 * For an image that builds: the programs of this machine, read-only, with the Node and the npm that
 * run this and npm's cache.
 */
export function makeBuildBase(root: string): Base {
  const mounts: Mount[] = [];
  for (const name of ["bin", "etc", "lib", "lib64", "sbin", "usr/bin", "usr/lib", "usr/share"]) {
    if (existsSync(join("/", name))) mounts.push({ from: join("/", name), to: name });
  }
  for (const name of ["tmp", "root"]) mkdirSync(join(root, name), { recursive: true });
  mounts.push({ from: homedir(), to: "root", isWritable: true });
  linkFile(node, join(root, "usr/local/bin/node"));
  const npm = process.env.npm_execpath ?? findNpm();
  const npmFolder = "usr/local/lib/node_modules/npm";
  mounts.push({ from: dirname(dirname(npm)), to: npmFolder });
  const script = `#!/bin/sh\nexec node /${npmFolder}/bin/npm-cli.js "$@"\n`;
  writeFileSync(join(root, "usr/local/bin/npm"), script, { mode: 0o755 });
  return { mounts, env: { npm_config_prefer_offline: "true", ...certificates() } };
}

/** By which a registry beside this machine is trusted. */
function certificates(): Record<string, string> {
  const { NODE_EXTRA_CA_CERTS: file } = process.env;
  return file === undefined ? {} : { NODE_EXTRA_CA_CERTS: file };
}

function findNpm(): string {
  const { stdout } = spawnSync("sh", ["-c", 'readlink -f "$(command -v npm)"'], {
    encoding: "utf8",
  });
  return stdout.trim();
}

/** Parts of the C library that Node itself is not linked with. */
const moreOfGlibc = ["libresolv.so.2", "librt.so.1", "libnss_dns.so.2", "libnss_files.so.2"];

/** For the image that runs: nothing but the C and C++ libraries. */
export function makeEmptyBase(root: string): Base {
  const { stdout } = spawnSync("ldd", [node], { encoding: "utf8" });
  const libraries = [...stdout.matchAll(/\/\S+/g)].map(([library]) => library);
  const folder = dirname(libraries.find((library) => library.endsWith("/libc.so.6"))!);
  for (const library of [...libraries, ...moreOfGlibc.map((name) => join(folder, name))]) {
    linkFile(library, join(root, library));
  }
  return { mounts: [], env: {} };
}

/** For an image that begins with one that was built before, and fetches something more. */
export function makeImageBase({ root: from, settings }: Image, root: string): Base {
  const { status, stderr } = spawnSync("cp", ["-al", "--no-target-directory", from, root], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`Copying ${from} failed:\n${stderr}`);
  return { mounts: [{ from: "/etc", to: "etc" }], env: certificates(), settings };
}

/** For the image that runs: the smallest Debian there is, from its packages. */
export function makeDebianBase(root: string): Base {
  const mmdebstrap = ensureInstalled({ command: "mmdebstrap", packageName: "mmdebstrap" });
  const args = ["--variant=minbase", "--quiet", "bookworm", root];
  const { status, stderr } = spawnSync(mmdebstrap, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`mmdebstrap failed:\n${stderr}`);
  return { mounts: [], env: {} };
}
