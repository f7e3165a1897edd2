import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { hash } from "node:crypto";
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { untilAborted } from "../src/base/abort.ts";
import {
  type CeleryTasks,
  type CeleryWorker,
  type CeleryWorkerOptions,
  createCeleryWorker,
} from "../src/fleet/celery.ts";
import { ModelCache } from "../src/models/cache/model-cache.ts";
import { ModelTask } from "../src/tasks/model-task.ts";
import type { TaskContext } from "../src/tasks/task-context.ts";

/** What is installed, and so what the tests speak with. */
const requirements = ["celery[redis]==5.6.3", "sqlalchemy", "psycopg2-binary"];

/** Longer than anything here takes on a machine that others use, too. */
const timeoutMs = 60_000;

/** Another list is another folder. */
const folder = join(
  import.meta.dirname,
  "..",
  ".cache",
  `celery-${hash("md5", requirements.join(" ")).slice(0, 8)}`,
);

/**
 * Returns a Python that has the real Celery: the one that `CELERY_PYTHON` names, or one that is
 * installed once under `.cache`. Otherwise why there is none, as a text.
 */
export function findCelery(): { readonly python: string } | { readonly missing: string } {
  const named = process.env.CELERY_PYTHON;
  if (named) return { python: named };
  const python = join(folder, "bin", "python");
  if (existsSync(python)) return { python };
  // Other processes must not find half of it.
  const made = `${folder}.${process.pid}`;
  const run = (command: string, ...args: string[]) =>
    spawnSync(command, args, { encoding: "utf8", timeout: 180_000 });
  try {
    const venv = run("python3", "-m", "venv", made);
    if (venv.status !== 0) return { missing: `no Python 3 with venv: ${reasonOf(venv)}` };
    const pip = run(join(made, "bin", "python"), "-m", "pip", "install", "-q", ...requirements);
    if (pip.status !== 0) return { missing: `Celery cannot be installed: ${reasonOf(pip)}` };
    try {
      renameSync(made, folder);
    } catch (error) {
      // Another process may have been quicker.
      if (!existsSync(python)) throw error;
    }
    return { python };
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function reasonOf({ error, stderr }: { error?: Error; stderr: string }): string {
  return error?.message ?? stderr.trim().split("\n").at(-1) ?? "for an unknown reason";
}

/** A program in Python with a Celery app, which does what a test says. */
export class CeleryClient implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: PromiseWithResolvers<unknown>[] = [];

  private constructor(python: string, broker: string) {
    const program = join(import.meta.dirname, "celery-client.fixture.py");
    this.#process = spawn(python, [program, broker], { stdio: ["pipe", "pipe", "inherit"] });
    this.#lines = createInterface({ input: this.#process.stdout! });
    this.#lines.on("line", (line) => {
      const { answer, error } = JSON.parse(line);
      if (error === undefined) this.#answers.shift()?.resolve(answer);
      else this.#answers.shift()?.reject(new Error(error));
    });
    this.#process.on("error", (error) => this.#fail(error));
    this.#process.on("exit", () => this.#fail(new Error("the client of Celery has ended")));
  }

  static async start(python: string, broker: string): Promise<CeleryClient> {
    const client = new CeleryClient(python, broker);
    await client.#next();
    return client;
  }

  /** Runs Python; resolves to what it assigns to `answer`. */
  async run(code: string): Promise<unknown> {
    const answer = this.#next();
    this.#process.stdin!.write(`${JSON.stringify(code)}\n`);
    return await answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    this.#lines.close();
  }

  async #next(): Promise<unknown> {
    const answer = Promise.withResolvers<unknown>();
    this.#answers.push(answer);
    return await untilAborted(answer.promise, AbortSignal.timeout(timeoutMs));
  }

  #fail(error: Error): void {
    for (const answer of this.#answers.splice(0)) answer.reject(error);
  }
}

export type Work = (payload: never, context: TaskContext) => unknown;

/** A task without models that does what it is given. */
export class FunctionTask extends ModelTask<unknown, unknown> {
  readonly #work: Work;

  constructor(work: Work) {
    super({ cache: new ModelCache({ models: {} }) });
    this.#work = work;
  }

  async run(payload: unknown, context: TaskContext): Promise<unknown> {
    return await this.#work(payload as never, context);
  }
}

/** Serves functions as the tasks of a queue; resolves when the worker is ready. */
export async function serve(
  functions: Readonly<Record<string, Work>>,
  options: CeleryWorkerOptions,
): Promise<CeleryWorker> {
  const tasks = Object.entries(functions).map(([name, run]) => [name, new FunctionTask(run)]);
  const worker = createCeleryWorker(Object.fromEntries(tasks) as CeleryTasks, options);
  await worker.ready;
  return worker;
}
