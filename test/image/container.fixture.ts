/** Containers of an image, without Docker. */
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Image } from "./image-builder.fixture.ts";
import { type Mount, signalInSandbox, startInSandbox } from "./sandbox.fixture.ts";

export interface ContainerOptions {
  readonly mounts?: readonly Mount[];
  readonly env?: Readonly<Record<string, string>>;
  /** In place of the image's entry point. */
  readonly entrypoint?: readonly string[];
}

export interface ContainerEnd {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A container whose root is read-only, as the user that the image names. */
export class Container {
  readonly ended: Promise<ContainerEnd>;
  readonly #child: ChildProcess;

  constructor(image: Image, args: readonly string[], options: ContainerOptions = {}) {
    const { settings, root } = image;
    const { mounts = [], env = {}, entrypoint = settings.entrypoint } = options;
    // A read-only root has no place for them to be made.
    for (const { to } of mounts) mkdirSync(join(root, to), { recursive: true });
    const [uid = 0, gid = 0] = settings.user.split(":").map(Number);
    this.#child = startInSandbox([...entrypoint, ...args], {
      root,
      mounts,
      env: { ...settings.env, ...env },
      cwd: settings.workdir,
      user: { uid, gid },
      isReadOnly: true,
    });
    this.ended = this.#collect();
  }

  /** Sends a signal to its process 1. */
  kill(signal: NodeJS.Signals): void {
    signalInSandbox(this.#child, signal);
  }

  /** Ends it at once. */
  remove(): void {
    this.#child.kill("SIGKILL");
  }

  async #collect(): Promise<ContainerEnd> {
    const [stdout, stderr] = [text(this.#child.stdout!), text(this.#child.stderr!)];
    const [status] = await once(this.#child, "close");
    return { status, stdout: await stdout, stderr: await stderr };
  }
}

/** A folder that any user may write to, as the place of a volume. */
export function volume(path: string): Mount["from"] {
  mkdirSync(path, { recursive: true });
  chmodSync(path, 0o1777);
  return path;
}
