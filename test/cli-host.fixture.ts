/**
 * A process in which commands are run one after the other, each as an order says: that saves the
 * start of Node, of the program and of the libraries that it loads for every command but the first.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { runProgram } from "../src/cli/program.ts";

export interface CliOrder {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface CliAnswer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What the command left that would keep its process alive. */
  readonly left: readonly string[];
}

/** Long enough for connections to close on a machine that is busy. */
const mostRoundsToEnd = 1000;

async function run({ args, cwd, env }: CliOrder): Promise<CliAnswer> {
  process.chdir(cwd);
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
  const before = process.getActiveResourcesInfo();
  using stdout = new Recorded(process.stdout);
  using stderr = new Recorded(process.stderr);
  const status = await runProgram([process.execPath, "orangery", ...args]);
  const left = await untilEnded(before);
  return { status, stdout: stdout.text, stderr: stderr.text, left };
}

/** Waits until no more is at work in the process than before, or gives up and lists what is. */
async function untilEnded(before: readonly string[]): Promise<readonly string[]> {
  for (let round = 1; ; round++) {
    const left = process.getActiveResourcesInfo();
    for (const known of before) {
      if (left.includes(known)) left.splice(left.indexOf(known), 1);
    }
    if (left.length === 0 || round === mostRoundsToEnd) return left;
    await sleep(10);
  }
}

/** Keeps what is written to a stream, until it is disposed. */
class Recorded implements Disposable {
  text = "";
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    // Each command listens for errors of its own.
    stream.removeAllListeners("error");
    stream.write = (
      chunk: string | Uint8Array,
      encoding?: BufferEncoding | ((error?: Error | null) => void),
      callback?: (error?: Error | null) => void,
    ) => {
      this.text += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
      const done = typeof encoding === "function" ? encoding : callback;
      if (done !== undefined) process.nextTick(done);
      return true;
    };
  }

  [Symbol.dispose](): void {
    // The stream's class has the method again.
    delete (this.#stream as { write?: unknown }).write;
  }
}

process.once("disconnect", () => process.exit());
for (;;) {
  const [order] = (await once(process, "message")) as [CliOrder];
  process.send!(await run(order));
}
