import { availableParallelism } from "node:os";
import { threadPoolSize } from "../../base/threads/thread-pool.ts";
import { processMemory } from "../../native/process-memory.ts";
import { type TurnRequest, type TurnShare, threadsARun } from "../../native/turns/turn-table.ts";
import {
  aloneWay,
  chooseRuns,
  isSpinningUnknown,
  type RunChoice,
  spinsBetter,
  wayOf,
} from "./choose-runs.ts";
import type { KeptRuns } from "./kept-runs.ts";
import { isMachineQuiet } from "./other-load.ts";
import { RunCosts, runCostsBytes } from "./run-costs.ts";

export interface RunPlansOptions {
  /** Names what the threads of the process measure together: the network. */
  readonly key: string;
  /** CPU threads of all runs together; 0 for all cores. */
  readonly intraOpThreads: number;
  /** Runs at a time; undefined to measure how many pay. */
  readonly cpuRuns?: number | undefined;
  /** Whether threads spin; undefined to measure whether that pays. */
  readonly spinning?: boolean | undefined;
  /** Where measurements are kept for the next process. Default: nowhere. */
  readonly kept?: Pick<KeptRuns, "read" | "write"> | undefined;
  /** Called with what was chosen for a size of input, when it is known, and when it changes. */
  readonly onChosen?: ((choice: RunChoice) => void) | undefined;
}

/** How runs of a network share the cores, for each size of its input. */
export class RunPlans {
  readonly #options: RunPlansOptions;
  readonly #cores: number;
  readonly #bySize = new Map<number, Promise<RunPlan>>();

  constructor(options: RunPlansOptions) {
    this.#options = options;
    this.#cores = options.intraOpThreads || availableParallelism();
  }

  /** A request for the whole device. */
  get alone(): TurnRequest {
    return { cores: this.#cores, places: 1 };
  }

  /** The plan for inputs of so many pixels. Sizes that differ by little share one. */
  async of(pixels: number): Promise<RunPlan> {
    const size = Math.round(Math.log2(Math.max(1, pixels)));
    let plan = this.#bySize.get(size);
    if (plan === undefined) {
      plan = this.#make(size);
      this.#bySize.set(size, plan);
    }
    return await plan;
  }

  async #make(size: number): Promise<RunPlan> {
    const { key, cpuRuns, spinning, kept, onChosen } = this.#options;
    const cores = this.#cores;
    const memory = await processMemory(`runs ${key} ${cores} ${size}`, runCostsBytes);
    const costs = new RunCosts(memory);
    const place = `${cores} cores, 2^${size} pixels`;
    costs.restore((await kept?.read(place)) ?? []);
    const onMeasured = (choice: RunChoice, isNew: boolean) => {
      void kept?.write(place, costs.all);
      if (isNew) onChosen?.(choice);
    };
    // One thread of the pool is left to decoding.
    const mostRuns = Math.min(Math.max(1, threadPoolSize() - 1), cores);
    const mayExceed = cpuRuns === undefined && cores + 2 <= threadPoolSize();
    return new RunPlan({ cores, cpuRuns, mostRuns, mayExceed, spinning, size, costs, onMeasured });
  }
}

interface RunPlanOptions {
  readonly cores: number;
  readonly cpuRuns: number | undefined;
  readonly mostRuns: number;
  /** Whether there may be a run more than cores. */
  readonly mayExceed: boolean;
  readonly spinning: boolean | undefined;
  /** Binary logarithm of the input's pixels. */
  readonly size: number;
  readonly costs: RunCosts;
  /** Called whenever enough has been measured, with whether the choice differs from the last. */
  readonly onMeasured: (choice: RunChoice, isNew: boolean) => void;
}

/**
 * Between two runs a core is idle for about a millisecond, until JavaScript has begun the next.
 * Where runs are shorter than this, one more is begun than there are cores: slices of 320 in int8
 * take 12 % less time by that. Longer ones would take the memory of another run for nothing.
 */
const shortRunMs = 30;

/** After so many runs, what was measured beside other processes is measured again. */
const runsUntilAnew = 500;

/** How runs of one network with inputs of about one size share the cores. */
export class RunPlan {
  readonly #options: RunPlanOptions;
  #runCount = 0;
  #isMeasured = false;
  #chosen = "";

  constructor(options: RunPlanOptions) {
    this.#options = options;
  }

  get choice(): RunChoice {
    const { cores, cpuRuns, mostRuns, spinning, costs } = this.#options;
    const choice = chooseRuns({ cores, mostRuns, costs });
    return {
      ...choice,
      spinning: spinning ?? spinsBetter(costs),
      ...(cpuRuns !== undefined && {
        runs: cpuRuns,
        threads: threadsARun(cores, cpuRuns),
        reason: "the number of runs was set",
      }),
    };
  }

  get request(): TurnRequest {
    const { choice } = this;
    return {
      cores: this.#options.cores,
      places: choice.runs + (this.#exceeds(choice) ? 1 : 0),
    };
  }

  /** Whether one more run is begun than there are cores. */
  #exceeds({ threads, isMeasuring }: RunChoice): boolean {
    const { cores, mayExceed, size, costs } = this.#options;
    if (!mayExceed || isMeasuring || threads > 1 || cores === 1) return false;
    const cost = costs.least(wayOf(threads, cores));
    return cost !== undefined && 1000 * cost * 2 ** size < shortRunMs;
  }

  /** Whether the threads of a run are to spin: of one that has all cores, where that pays. */
  spins({ threads, callers }: TurnShare): boolean {
    const { cores, spinning, costs } = this.#options;
    if (threads === 1 || threads < cores) return false;
    if (spinning !== undefined) return spinning;
    if (!isMachineQuiet()) return false;
    return spinsBetter(costs) || (callers === 1 && isSpinningUnknown(costs));
  }

  /** Notes how long a run has taken. */
  note({ threads, callers, spinning, ms }: TimedRun): void {
    const { cores, size, costs, onMeasured } = this.#options;
    // Single runs are faster than concurrent ones, so they are compared only with each other.
    const alone = spinning ? aloneWay.spinning : aloneWay.sleeping;
    const way = callers === 1 ? alone : wayOf(threads, cores);
    // With more runs than cores, measured costs are too high.
    if (!this.#exceeds(this.choice)) costs.note(way, (threads * ms) / 1000 / 2 ** size);
    if (++this.#runCount % runsUntilAnew === 0) {
      costs.forget();
      this.#isMeasured = false;
    }
    if (this.#isMeasured) return;
    const { choice } = this;
    if (choice.isMeasuring) return;
    this.#isMeasured = true;
    const chosen = `${choice.runs} ${choice.threads} ${choice.spinning}`;
    onMeasured(choice, chosen !== this.#chosen);
    this.#chosen = chosen;
  }
}

interface TimedRun extends TurnShare {
  readonly spinning: boolean;
  readonly ms: number;
}
