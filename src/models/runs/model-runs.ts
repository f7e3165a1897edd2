import { inputExtent, inputLayoutOf } from "../../graph/byte-input.ts";
import { elementCount } from "../../graph/onnx-tensor.ts";
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

/** Extents of free dimensions, by their names. */
export type Extents = Readonly<Record<string, number>>;

/** The most sizes of input that have sessions of their own. */
const mostSizes = 4;

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
  /**
   * Opens the network once more with the extents of its free dimensions, by their names, and with
   * so many threads for each run. A size of input that occurs twice gets such sessions, the first
   * {@link mostSizes} of them. Default: sessions are for all sizes.
   */
  readonly openForSize?: ((extents: Extents, threads: number) => Promise<Session>) | undefined;
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
  readonly #sizesSeen = new Set<string>();
  readonly #ownSizes = new Set<string>();
  #plan: RunPlan | undefined;

  constructor(options: ModelRunsOptions) {
    this.#options = options;
  }

  /** The plan of the size of input that was run last. */
  get plan(): RunPlan | undefined {
    return this.#plan;
  }

  /** Runs at a time on a device that is no CPU. */
  get inFlight(): number {
    return this.#options.inFlight ?? 1;
  }

  /** Runs the network when it is its turn. */
  async run(
    inputs: Readonly<Record<string, Tensor>>,
    { signal }: Pick<RunOptions, "signal"> = {},
  ): Promise<FinishedRun> {
    const { session: first, plans, turns } = this.#options;
    const { inFlight } = this;
    const plan = await plans?.of(pixelsOf(first, inputs));
    this.#plan = plan;
    const request = plan?.request ?? { cores: inFlight, places: inFlight };
    const run = async (share: TurnShare): Promise<FinishedRun> => {
      const spinning = plan?.spins(share) ?? false;
      const ofSize = await this.#sessionForSize(inputs, share.threads);
      const session = ofSize ?? (await this.#sessionFor(share.threads, spinning));
      const startMs = performance.now();
      const outputs = await session.run(inputs, { signal });
      const inferenceMs = performance.now() - startMs;
      const isUsual = ofSize !== undefined || this.#options.openForSize === undefined;
      if (isUsual) plan?.note({ ...share, spinning, ms: inferenceMs });
      return { outputs, inferenceMs };
    };
    return await turns.run(run, { ...request, signal });
  }

  /** Gives the working memory that no run needs back: on a CPU, that of all sessions. */
  async trimMemory(signal?: AbortSignal): Promise<void> {
    const { session, turns, device, plans } = this.#options;
    const trim = () => session.trimMemory(arenasOf(device));
    await turns.run(trim, { ...(plans?.alone ?? { cores: this.inFlight, places: 1 }), signal });
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
    const threads = { intraOpThreads, allowSpinning };
    return (await this.#other(JSON.stringify(threads), () => openAgain(threads))) ?? session;
  }

  async #sessionForSize(
    inputs: Readonly<Record<string, Tensor>>,
    threads: number,
  ): Promise<Session | undefined> {
    const { session, openForSize, plans } = this.#options;
    if (openForSize === undefined) return undefined;
    const extents = freeExtents(session, inputs);
    const size = JSON.stringify(extents);
    const hasAllThreads = threads === (plans?.alone.cores ?? threads);
    if (size === "{}" && hasAllThreads) return session;
    if (!this.#ownSizes.has(size)) {
      const isNew = !this.#sizesSeen.has(size);
      this.#sizesSeen.add(size);
      if (isNew || this.#ownSizes.size >= mostSizes) return undefined;
      this.#ownSizes.add(size);
    }
    return await this.#other(`${size} ${threads}`, () => openForSize(extents, threads));
  }

  /** Whatever is in the way of another session, the first one serves. */
  async #other(key: string, open: () => Promise<Session>): Promise<Session | undefined> {
    let opening = this.#others.get(key);
    if (opening === undefined) {
      opening = open().catch(() => undefined);
      this.#others.set(key, opening);
    }
    return await opening;
  }
}

/** The extents of what a network's inputs leave free, by the names of the dimensions. */
function freeExtents({ inputs }: Session, tensors: Readonly<Record<string, Tensor>>): Extents {
  const extents: Record<string, number> = {};
  for (const { name, shape } of inputs) {
    for (const [axis, extent] of shape.entries()) {
      if (typeof extent === "string") extents[extent] = tensors[name]!.shape[axis]!;
    }
  }
  return extents;
}

/** Of a batch, those of all its pictures. */
function pixelsOf({ metadata }: Session, inputs: Readonly<Record<string, Tensor>>): number {
  const [tensor] = Object.values(inputs);
  const layout = inputLayoutOf(metadata);
  const extents = (["batch", "height", "width"] as const).map(
    (axis) => inputExtent(tensor?.shape ?? [], layout, axis) ?? 1,
  );
  return elementCount(extents);
}
