import type { RunOptions, Session, Tensor } from "../../native/runtime.ts";
import type { ProcessTurns } from "../../native/turns/process-turns.ts";
import type { TurnShare } from "../../native/turns/turn-table.ts";
import { arenasOf, type Device } from "../devices/device.ts";
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
  /** Runs at a time on a device that is no CPU. Default 1. */
  readonly inFlight?: number | undefined;
  /**
   * Opens the network once more. Where it cannot, because that would take a second copy of its
   * weights, runs at the same time share the threads of one session.
   */
  readonly openAgain?: ((threads: SessionThreads) => Promise<Session>) | undefined;
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
  /** By threads and whether they spin. */
  readonly #others = new Map<string, Promise<Session | undefined>>();
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
    const { plans, turns, inFlight = 1 } = this.#options;
    const plan = await plans?.of(pixelsOf(inputs));
    this.#plan = plan;
    const request = plan?.request ?? { cores: inFlight, places: inFlight };
    const run = async (share: TurnShare): Promise<FinishedRun> => {
      const spinning = plan?.spins(share) ?? false;
      const session = await this.#sessionFor(share.threads, spinning);
      const startMs = performance.now();
      const outputs = await session.run(inputs, { signal });
      const inferenceMs = performance.now() - startMs;
      plan?.note({ ...share, spinning, ms: inferenceMs });
      return { outputs, inferenceMs };
    };
    return await turns.run(run, { ...request, signal });
  }

  /** Gives the working memory that no run needs back: on a CPU, that of all sessions. */
  async trimMemory(signal?: AbortSignal): Promise<void> {
    const { session, turns, device, plans, inFlight = 1 } = this.#options;
    const trim = () => session.trimMemory(arenasOf(device));
    await turns.run(trim, { ...(plans?.alone ?? { cores: inFlight, places: 1 }), signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const others = [...this.#others.values()];
    this.#others.clear();
    for (const opening of others) await (await opening)?.[Symbol.asyncDispose]();
    await this.#options.session[Symbol.asyncDispose]();
  }

  async #sessionFor(intraOpThreads: number, allowSpinning: boolean): Promise<Session> {
    const { session, openAgain, plans } = this.#options;
    const isFirst = intraOpThreads === plans?.alone.cores && !allowSpinning;
    if (isFirst || openAgain === undefined) return session;
    const key = `${intraOpThreads} ${allowSpinning}`;
    let opening = this.#others.get(key);
    if (opening === undefined) {
      // Whatever is in the way of another session, the first one serves.
      opening = openAgain({ intraOpThreads, allowSpinning }).catch(() => undefined);
      this.#others.set(key, opening);
    }
    return (await opening) ?? session;
  }
}

/** Of a batch, those of all its pictures. */
function pixelsOf(inputs: Readonly<Record<string, Tensor>>): number {
  const [tensor] = Object.values(inputs);
  const [batch = 1, , height = 1, width = 1] = tensor?.shape ?? [];
  return batch * height * width;
}
