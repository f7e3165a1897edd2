import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface NeededCommand {
  /** What is run: `redis-server`. */
  readonly command: string;
  /** The Debian package that has it. */
  readonly packageName: string;
  /** Folders to look in after those of the PATH; Debian keeps PostgreSQL's programs out of it. */
  readonly folders?: () => readonly string[];
  /** The environment variable that names a server which is there already. */
  readonly override?: string;
}

/**
 * Finds a command that the tests need, and gives its path. Where it is missing, on Debian and its
 * like and as root, its package is installed, which is said on standard error. No service is
 * started.
 *
 * @throws Error that says what to install otherwise
 */
export function ensureInstalled(needed: NeededCommand): string {
  const found = findCommand(needed);
  if (found !== undefined) return found;
  const { command, packageName, override } = needed;
  if (!canInstall()) {
    const instead = override === undefined ? "" : `, or set ${override} to a server for tests`;
    throw new Error(
      `Expected \`${command}\` on the PATH, and it is not there. Install it (Debian: apt-get install ${packageName})${instead}.`,
    );
  }
  process.stderr.write(`The tests need \`${command}\`: installing ${packageName} with apt-get.\n`);
  aptGet(["install", "--yes", "--no-install-recommends", packageName]);
  const installed = findCommand(needed);
  if (installed !== undefined) return installed;
  throw new Error(`Expected package ${packageName} to bring \`${command}\`, and it did not.`);
}

/**
 * Like {@link ensureInstalled}, for a program that needs no other file of its package: it is
 * unpacked into a folder, and nothing is installed.
 */
export function ensureUnpacked(needed: NeededCommand, folder: string): string {
  const found = findCommand(needed);
  if (found !== undefined) return found;
  const { command, packageName } = needed;
  if (!canInstall()) return ensureInstalled(needed);
  process.stderr.write(`The tests need \`${command}\`: unpacking ${packageName}.\n`);
  aptGet(["-o", "APT::Sandbox::User=root", "download", packageName], folder);
  const unpack = `dpkg-deb --fsys-tarfile ${packageName}_*.deb | tar --extract ./usr/bin/${command}`;
  const { status, stderr } = spawnSync("sh", ["-c", unpack], { cwd: folder, encoding: "utf8" });
  if (status === 0) return join(folder, "usr", "bin", command);
  throw new Error(`Expected package ${packageName} to have \`${command}\`: ${stderr}`);
}

function findCommand({ command, folders }: NeededCommand): string | undefined {
  const path = (process.env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  return [...path, ...(folders?.() ?? [])]
    .map((folder) => join(folder, command))
    .find((file) => isExecutable(file));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function canInstall(): boolean {
  return existsSync("/etc/debian_version") && process.getuid?.() === 0;
}

function aptGet(args: readonly string[], cwd?: string): void {
  // Test files run side by side, and two may want a package: the second waits for the first.
  const waiting = ["-o", "DPkg::Lock::Timeout=600"];
  const run = (...command: readonly string[]) =>
    spawnSync("apt-get", [...waiting, ...command], {
      ...(cwd !== undefined && { cwd }),
      stdio: ["ignore", "ignore", "inherit"],
      // RUNLEVEL=1 keeps Debian from starting the service that it installs.
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    }).status;
  if (run(...args) === 0) return;
  // A fresh image has no lists of packages yet.
  run("update");
  const status = run(...args);
  if (status !== 0) throw new Error(`apt-get ${args.join(" ")} ended with status ${status}.`);
}
