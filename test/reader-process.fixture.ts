import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Answer } from "./checkpoint-reader.fixture.ts";

const program = fileURLToPath(new URL("checkpoint-reader.fixture.ts", import.meta.url));

/** Only so that what hangs ends; how long an answer may take is checked by its CPU time. */
const answerTimeoutMs = 60_000;

/**
 * A process that reads checkpoints and may do nothing else: Node refuses it writing files, starting
 * processes and threads, and loading native code.
 */
export class ReaderProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown[]>;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  constructor() {
    this.#child = spawn(
      process.execPath,
      ["--permission", "--allow-fs-read=*", "--max-old-space-size=768", program],
      { stdio: ["pipe", "pipe", "pipe"] },
    );
    this.#exit = once(this.#child, "exit");
    this.#child.stderr!.on("data", (text) => {
      this.#errors += text;
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async read(path: string): Promise<Answer> {
    this.#child.stdin!.write(`${path}\n`);
    const timer = setTimeout(() => this.kill(), answerTimeoutMs);
    try {
      const { done, value } = await this.#lines.next();
      if (done) throw new Error(`the reader died or was killed for hanging: ${this.#errors}`);
      return JSON.parse(value);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the process; rejects unless it ends by itself and in order. */
  async end(): Promise<void> {
    this.#child.stdin!.end();
    const [status, signal] = await this.#exit;
    if (status !== 0) throw new Error(`the reader ended with ${status ?? signal}: ${this.#errors}`);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
