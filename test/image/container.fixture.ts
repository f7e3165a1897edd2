/** Containers of an image, without Docker. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Image } from "./image-builder.fixture.ts";
import {
  type Mount,
  programOf,
  runBeside,
  type SandboxOptions,
  startInSandbox,
} from "./sandbox.fixture.ts";

export interface ContainerOptions {
  readonly mounts?: readonly Mount[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface ProgramEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container whose root is read-only, as the user that the image names. */
export class Container implements AsyncDisposable {
  readonly ended: Promise<ProgramEnd>;
  readonly #child: ChildProcess;
  readonly #options: SandboxOptions;

  constructor(image: Image, args: readonly string[], options: ContainerOptions = {}) {
    const { settings, root } = image;
    const { mounts = [], env = {} } = options;
    // A read-only root has no place for them to be made.
    for (const { to } of mounts) mkdirSync(join(root, to), { recursive: true });
    const [uid = 0, gid = 0] = settings.user.split(":").map(Number);
    this.#options = {
      root,
      mounts,
      env: { ...settings.env, ...env },
      cwd: settings.workdir,
      user: { uid, gid },
      isReadOnly: true,
    };
    this.#child = startInSandbox([...settings.entrypoint, ...args], this.#options);
    this.ended = endOf(this.#child);
  }

  /** Runs a second program in it. */
  async execute(command: readonly string[]): Promise<ProgramEnd> {
    return await endOf(runBeside(this.#child, command, this.#options));
  }

  /** Sends a signal to its process 1, as Docker does. */
  stop(signal: NodeJS.Signals = "SIGTERM"): void {
    process.kill(programOf(this.#child), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

async function endOf(child: ChildProcess): Promise<ProgramEnd> {
  const [stdout, stderr] = [text(child.stdout!), text(child.stderr!)];
  const [status] = await once(child, "close");
  return { status, stdout: await stdout, stderr: await stderr };
}

/** A folder that any user may write to. */
export function openToAll(path: string): string {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o1777);
  return path;
}
