/** A program in a root folder of its own, with namespaces of Linux instead of Docker. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface Mount {
  /** A file or folder of this machine. */
  readonly from: string;
  /** Where it is in the root folder. */
  readonly to: string;
  readonly isWritable?: boolean;
}

export interface SandboxOptions {
  readonly root: string;
  /** The whole environment: nothing is passed on. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly mounts?: readonly Mount[];
  readonly isReadOnly?: boolean;
}

/** The reason why this machine cannot run anything in a root folder of its own, or `false`. */
export function whyNoSandbox(): string | false {
  if (process.platform !== "linux") return "needs Linux";
  if (process.getuid?.() !== 0) return "needs root, to mount and to change the user";
  const { status, stderr } = spawnSync("unshare", ["--mount", "--pid", "--fork", "true"], {
    encoding: "utf8",
  });
  return status === 0 ? false : `needs namespaces: ${stderr ?? "there is no unshare"}`;
}

/**
 * Starts a program as process 1 of a process namespace, with `/proc` and `/dev`, in its root folder.
 * It shares the network with this machine. Its processes end with it, and it ends with the process
 * that is returned.
 */
export function startInSandbox(
  command: readonly string[],
  { root, env, cwd, user, mounts = [], isReadOnly = false }: SandboxOptions,
): ChildProcess {
  const lines = [`mount --bind "${root}" "${root}"`];
  for (const { from, to, isWritable = false } of mounts) {
    const target = join(root, to);
    lines.push(`mount --bind "${from}" "${target}"`);
    if (!isWritable) lines.push(`mount -o remount,bind,ro "${target}"`);
  }
  mkdirSync(join(root, "proc"), { recursive: true });
  mkdirSync(join(root, "dev"), { recursive: true });
  lines.push(`mount -t proc proc "${root}/proc"`, `mount --rbind /dev "${root}/dev"`);
  if (isReadOnly) lines.push(`mount -o remount,bind,ro "${root}"`);
  const ids = [`--setuid=${user.uid}`, `--setgid=${user.gid}`];
  const script = `set -e; ${lines.join("; ")}; exec unshare --root="${root}" --wd="${cwd}" ${ids.join(" ")} -- "$@"`;
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child"];
  return spawn("unshare", [...namespaces, "sh", "-c", script, "sh", ...command], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** The process id, on this machine, of the program itself, which is process 1 of its namespace. */
export function programOf(child: ChildProcess): number {
  return Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8"));
}

/** Runs a second program beside one that {@link startInSandbox} started. */
export function runBeside(
  child: ChildProcess,
  command: readonly string[],
  { env, cwd, user }: Pick<SandboxOptions, "env" | "cwd" | "user">,
): ChildProcess {
  const place = [`--target=${programOf(child)}`, "--mount", "--pid", "--root", `--wd=${cwd}`];
  const ids = [`--setuid=${user.uid}`, `--setgid=${user.gid}`];
  return spawn("nsenter", [...place, ...ids, "--", ...command], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
}
