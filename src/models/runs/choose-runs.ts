import { threadsARun } from "../../native/turns/turn-table.ts";
import type { RunCosts } from "./run-costs.ts";

/** How runs of a network share the cores of a CPU. */
export interface RunChoice {
  /** Runs at a time, at most. */
  readonly runs: number;
  /** CPU threads of each when that many run; a single run has all cores. */
  readonly threads: number;
  /** Whether the threads of a run that has all cores wait for each other by spinning. */
  readonly spinning: boolean;
  /** Whether there are ways that have not been measured yet. */
  readonly isMeasuring: boolean;
  /** Why: what was measured. */
  readonly reason: string;
}

export interface ChooseRunsOptions {
  readonly cores: number;
  /** The most runs at a time. */
  readonly mostRuns: number;
  readonly costs: Pick<RunCosts, "least">;
}

/** The ways of a run that is alone. Those beside other callers are 0 to 5: {@link wayOf}. */
export const aloneWay = { sleeping: 6, spinning: 7 } as const;
const mostHalvings = 5;

/** The accepted cost, relative to before, of more runs or of spinning threads. */
const worthIt = { runs: 1.03, spinning: 0.97 };

/**
 * Chooses by what runs beside other callers have cost: first one run at a time on all cores, then
 * two on a half each, and so on, each way for a few runs, until more runs at a time cost more.
 * Nothing is run for the sake of measuring.
 */
export function chooseRuns({
  cores,
  mostRuns,
  costs,
}: ChooseRunsOptions): Omit<RunChoice, "spinning"> {
  const ways = waysOf(cores, mostRuns);
  let best = ways[0]!;
  if (ways.length === 1) {
    const reason = cores === 1 ? "there is one core" : "decoding needs the other threads";
    return { ...best, isMeasuring: false, reason };
  }
  let least = Number.POSITIVE_INFINITY;
  const measured: string[] = [];
  for (const [way, { runs, threads }] of ways.entries()) {
    const cost = costs.least(way);
    if (cost === undefined) {
      return { runs, threads, isMeasuring: true, reason: "runs are being measured" };
    }
    measured.push(`${(cost * 1e6).toFixed(2)} with ${runs} × ${threads}`);
    if (cost > worthIt.runs * least) break;
    best = { runs, threads };
    least = cost;
  }
  const reason = `core-seconds a megapixel: ${measured.join(", ")} (runs × threads)`;
  return { ...best, isMeasuring: false, reason };
}

/** The way of a run with this many threads, beside others. */
export function wayOf(threads: number, cores: number): number {
  let way = 0;
  for (let left = cores; left > threads && way < mostHalvings; left >>= 1) way++;
  return way;
}

/** Whether runs alone on all cores are quicker with threads that spin. */
export function spinsBetter(costs: Pick<RunCosts, "least">): boolean {
  const [sleeping, spinning] = [costs.least(aloneWay.sleeping), costs.least(aloneWay.spinning)];
  if (sleeping === undefined || spinning === undefined) return false;
  return spinning < worthIt.spinning * sleeping;
}

/** Whether it is time to measure spinning threads. */
export function isSpinningUnknown(costs: Pick<RunCosts, "least">): boolean {
  return (
    costs.least(aloneWay.sleeping) !== undefined && costs.least(aloneWay.spinning) === undefined
  );
}

function waysOf(cores: number, mostRuns: number): Pick<RunChoice, "runs" | "threads">[] {
  const ways = [{ runs: 1, threads: cores }];
  for (let runs = 2; runs <= mostRuns && ways.length <= mostHalvings; ) {
    const threads = threadsARun(cores, runs);
    if (threads === ways.at(-1)!.threads) break;
    const fitting = Math.min(mostRuns, Math.floor(cores / threads));
    ways.push({ runs: fitting, threads });
    runs = fitting + 1;
  }
  return ways;
}
