import type { RunOptions, Session, Tensor } from "../../native/runtime.ts";
import type { ProcessTurns } from "../../native/turns/process-turns.ts";
import { arenasOf, type Device } from "../devices/device.ts";
import { spinningWay, wayOf } from "./choose-runs.ts";
import type { RunPlan, RunPlans } from "./run-plans.ts";

/** How a session is made of a network that is loaded already. */
export interface SessionThreads {
  readonly intraOpThreads: number;
  readonly allowSpinning: boolean;
}

export interface ModelRunsOptions {
  /** Has all cores. */
  readonly session: Session;
  readonly device: Device;
  readonly turns: ProcessTurns;
  /** How runs share the cores of a CPU. Default: one at a time. */
  readonly plans?: RunPlans | undefined;
  /**
   * Opens the network once more; undefined where that would take a second copy of its weights. Then
   * runs at the same time share the threads of one session.
   */
  readonly openAgain?: ((threads: SessionThreads) => Promise<Session | undefined>) | undefined;
}

export interface FinishedRun {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Without the wait for the device. */
  readonly inferenceMs: number;
}

/**
 * The runs of one model: each waits for the turn of its device, and has as many threads as its turn
 * gives it. A session has a fixed number of threads, so there is one for each number that occurs;
 * their weights are the same memory.
 */
export class ModelRuns implements AsyncDisposable {
  readonly #options: ModelRunsOptions;
  readonly #others = new Map<number, Promise<Session | undefined>>();
  #plan: RunPlan | undefined;

  constructor(options: ModelRunsOptions) {
    this.#options = options;
  }

  /** The plan of the size of input that was run last. */
  get plan(): RunPlan | undefined {
    return this.#plan;
  }

  /** Runs the network when it is its turn. */
  async run(
    inputs: Readonly<Record<string, Tensor>>,
    { signal }: Pick<RunOptions, "signal"> = {},
  ): Promise<FinishedRun> {
    const { plans, turns } = this.#options;
    const plan = await plans?.of(pixelsOf(inputs));
    this.#plan = plan;
    const run = async (threads: number): Promise<FinishedRun> => {
      const way = plan === undefined ? 0 : wayFor(plan, threads);
      const session = await this.#sessionFor(way, threads);
      const startMs = performance.now();
      const outputs = await session.run(inputs, { signal });
      const inferenceMs = performance.now() - startMs;
      plan?.note(way, { threads, ms: inferenceMs });
      return { outputs, inferenceMs };
    };
    return await turns.run(run, { ...plan?.request, signal });
  }

  /** Gives the working memory that no run needs back: on a CPU, that of all sessions. */
  async trimMemory(signal?: AbortSignal): Promise<void> {
    const { session, turns, device, plans } = this.#options;
    const trim = () => session.trimMemory(arenasOf(device));
    await turns.run(trim, { ...plans?.alone, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const others = [...this.#others.values()];
    this.#others.clear();
    for (const opening of others) await (await opening)?.[Symbol.asyncDispose]();
    await this.#options.session[Symbol.asyncDispose]();
  }

  async #sessionFor(way: number, threads: number): Promise<Session> {
    const { session, openAgain } = this.#options;
    if (way === 0 || openAgain === undefined) return session;
    let opening = this.#others.get(way);
    if (opening === undefined) {
      const how = { intraOpThreads: threads, allowSpinning: way === spinningWay };
      // Whatever is in the way of another session, the first one serves.
      opening = openAgain(how).catch(() => undefined);
      this.#others.set(way, opening);
    }
    return (await opening) ?? session;
  }
}

function wayFor(plan: RunPlan, threads: number): number {
  const { cores } = plan.request;
  const way = wayOf(threads, cores);
  return way === 0 && plan.choice.spinning ? spinningWay : way;
}

/** Of a batch, those of all its pictures. */
function pixelsOf(inputs: Readonly<Record<string, Tensor>>): number {
  const [tensor] = Object.values(inputs);
  const [batch = 1, , height = 1, width = 1] = tensor?.shape ?? [];
  return batch * height * width;
}
