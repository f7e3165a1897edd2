import { type ChildProcess, spawn } from "node:child_process";
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
import { compilingEnv } from "./servers/celery-python.ts";

/** Longer than anything here takes on a machine that others use, too. */
const timeoutMs = 60_000;

/** A program in Python with a Celery app, which does what a test says. */
export class CeleryClient implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #lines: Interface;
  readonly #answers: PromiseWithResolvers<unknown>[] = [];

  private constructor(python: string, broker: string) {
    const program = join(import.meta.dirname, "celery-client.fixture.py");
    this.#process = spawn(python, [program, broker], {
      stdio: ["pipe", "pipe", "inherit"],
      env: compilingEnv(),
    });
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
