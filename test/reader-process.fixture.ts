import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Answer } from "./checkpoint-reader.fixture.ts";

const program = fileURLToPath(new URL("checkpoint-reader.fixture.ts", import.meta.url));

/** Far beyond what any file takes on a slow machine: whoever takes longer hangs. */
const ANSWER_TIMEOUT_MS = 60_000;

/**
 * A process that reads checkpoints and may do nothing else: Node refuses it writing files, starting
 * processes and threads, and loading native code.
 */
export class ReaderProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  constructor() {
    const { NODE_V8_COVERAGE: _, ...env } = process.env;
    this.#child = spawn(
      process.execPath,
      ["--permission", "--allow-fs-read=*", "--max-old-space-size=768", program],
      { env, stdio: ["pipe", "pipe", "pipe"] },
    );
    this.#child.stderr!.on("data", (text) => {
      this.#errors += text;
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async read(path: string): Promise<Answer> {
    this.#child.stdin!.write(`${path}\n`);
    return await this.#nextLine();
  }

  /** Ends the process; rejects unless it ends by itself and in order. */
  async end(): Promise<{ readonly maxRssBytes: number }> {
    const exit = once(this.#child, "exit");
    this.#child.stdin!.end();
    const last = await this.#nextLine<{ maxRssBytes: number }>();
    const [status, signal] = await exit;
    if (status !== 0) throw new Error(`the reader ended with ${status ?? signal}: ${this.#errors}`);
    return last;
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  async #nextLine<T = Answer>(): Promise<T> {
    const timer = setTimeout(() => this.kill(), ANSWER_TIMEOUT_MS);
    try {
      const { done, value } = await this.#lines.next();
      if (done) throw new Error(`the reader died or was killed for hanging: ${this.#errors}`);
      return JSON.parse(value);
    } finally {
      clearTimeout(timer);
    }
  }
}
