import assert from "node:assert/strict";
import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { text } from "node:stream/consumers";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import type { CliAnswer, CliOrder } from "./cli-host.fixture.ts";
import { requireBuilt } from "./started-module.fixture.ts";

/** Set by scripts/run-tests.ts: the bundled program, which starts in half the time. */
export const bundledProgram = process.env.ORANGERY_TEST_PROGRAM;
/** For tasks that import the sources: beside the bundle these would be another library. */
export const sourceProgram = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
export const mainFile =
  bundledProgram === undefined
    ? sourceProgram
    : requireBuilt(bundledProgram, "ORANGERY_TEST_PROGRAM");
export const examplePhotos = fileURLToPath(new URL("../examples/photos/", import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process for commands that are run to their end, started with the first of them. */
class CliHost {
  #process: ChildProcess | undefined;
  /** One at a time: the working directory is the process's. */
  #last: Promise<unknown> = Promise.resolve();

  run(order: CliOrder): Promise<CliAnswer> {
    const answer = this.#last.then(() => this.#ask(order));
    this.#last = answer.catch(() => {});
    return answer;
  }

  async #ask(order: CliOrder): Promise<CliAnswer> {
    const file = new URL("cli-host.fixture.ts", import.meta.url);
    this.#process ??= fork(file, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...process.env, NODE_V8_COVERAGE: process.env.ORANGERY_TEST_COVERAGE },
    });
    const ended = new AbortController();
    try {
      const answer = once(this.#process, "message", { signal: ended.signal });
      this.#process.send(order);
      const end = once(this.#process, "exit", { signal: ended.signal });
      const [first] = await Promise.race([answer, end]);
      if (typeof first === "object" && first !== null) return first;
      throw new Error(`orangery ${order.args.join(" ")} ended its process with ${first}`);
    } finally {
      ended.abort();
    }
  }

  async end(): Promise<void> {
    if (!this.#process?.connected || this.#process.exitCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.disconnect();
    const late = setTimeout(() => this.#process!.kill("SIGKILL"), 30_000);
    await exited;
    clearTimeout(late);
  }
}

const host = new CliHost();
after(() => host.end());

/** Runs `orangery` to its end, in a process that other commands have run in. */
export async function runCli(
  args: readonly string[],
  { cwd = process.cwd(), env = {} as NodeJS.ProcessEnv } = {},
): Promise<Outcome> {
  const answer = await host.run({ args, cwd, env: { ...process.env, ...env } });
  const { left, ...outcome } = answer;
  assert.deepEqual(left, [], "nothing would keep the process alive");
  return { ...outcome, signal: null };
}

/** A folder of its own in which the command line is run. */
export class CliFolder implements AsyncDisposable {
  readonly path: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<CliFolder> {
    return new CliFolder(await mkdtemp(join(tmpdir(), "orangery-cli-")));
  }

  /** Starts `orangery` in this folder as a process of its own. */
  start(...args: string[]): RunningCli {
    return this.spawn(process.execPath, [mainFile, ...args]);
  }

  /** Runs `orangery` in this folder to its end, in a process that other commands have run in. */
  async run(...args: string[]): Promise<Outcome> {
    return await runCli(args, { cwd: this.path, env: { ORANGERY_CACHE: this.#cache } });
  }

  spawn(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningCli {
    const child = spawn(command, args, {
      cwd: this.path,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ORANGERY_CACHE: this.#cache, ...env },
    });
    this.#children.add(child);
    const outcome = Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close"),
    ]).then(([stdout, stderr, [status, signal]]) => {
      this.#children.delete(child);
      return { stdout, stderr, status, signal };
    });
    return { child, outcome };
  }

  /** Writes small photos, no two alike. */
  async writePhotos(names: readonly string[], { widthPx = 64, heightPx = 48 } = {}): Promise<void> {
    for (const [i, name] of names.entries()) {
      const file = join(this.path, name);
      await mkdir(dirname(file), { recursive: true });
      const background = { r: 90, g: 60 + (i % 64), b: 40 + (i >> 6) };
      await sharp({ create: { width: widthPx, height: heightPx, channels: 3, background } }).toFile(
        file,
      );
    }
  }

  /** Rows of the results file, also while others write it; none until it is there. */
  query(sql: string, file = "results.db"): Record<string, unknown>[] {
    let reader: DatabaseSync | undefined;
    try {
      reader = new DatabaseSync(join(this.path, file), { readOnly: true, timeout: 5000 });
      return reader
        .prepare(sql)
        .all()
        .map((row) => ({ ...row }));
    } catch (error) {
      // Not made yet, or made this moment.
      if (/unable to open|no such table/.test(String(error))) return [];
      throw error;
    } finally {
      reader?.close();
    }
  }

  /** Resolves when the query has rows, or when the process has ended. */
  async until({ child }: RunningCli, sql: string): Promise<void> {
    while (child.exitCode === null && child.signalCode === null) {
      if (this.query(sql).length > 0) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Sample models are kept in here and go with the folder. */
  get #cache(): string {
    return join(this.path, ".cache");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGKILL");
      await once(child, "close");
    }
    await rm(this.path, { recursive: true });
  }
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

/** The quickest real model: the sample detector on a small input. */
export const quickModel = ["sample:seedlings", "--image-size", "128", "--device", "cpu"] as const;

export function jsonLines(stdout: string): Record<string, unknown>[] {
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}
