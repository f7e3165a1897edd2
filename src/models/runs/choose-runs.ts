import { threadsARun } from "../../native/turns/turn-table.ts";
import type { RunCosts } from "./run-costs.ts";

/** How runs of a network share the cores of a CPU. */
export interface RunChoice {
  /** Runs at a time, at most. */
  readonly runs: number;
  /** CPU threads of each when there are so many; a run that is alone has all cores. */
  readonly threads: number;
  /** Whether the threads of a run that is alone wait for each other by spinning. */
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
  /** Whether threads may spin: not beside other processes that compute. */
  readonly maySpin: boolean;
  readonly costs: Pick<RunCosts, "least">;
}

/** The way of runs that have all cores, with threads that spin. The others are numbered from 0. */
export const spinningWay = 7;

/** More threads than one are worth their while only where they cost this much less. */
const worthIt = 0.97;

/**
 * Chooses by what runs have cost: first one run at a time on all cores, then two on a half each,
 * and so on, each way for a few runs, until more runs at a time cost more. Nothing is run for the
 * sake of measuring.
 */
export function chooseRuns({ cores, mostRuns, maySpin, costs }: ChooseRunsOptions): RunChoice {
  const ways = waysOf(cores, mostRuns);
  const sleeping = costs.least(0);
  const one = { runs: 1, threads: cores };
  if (ways.length === 1) {
    const reason = cores === 1 ? "there is one core" : "decoding needs the other threads";
    const spinning = maySpin && spinsBetter(costs);
    return { ...one, spinning, isMeasuring: false, reason };
  }
  const measuring = { isMeasuring: true, reason: "runs are being measured" };
  if (sleeping === undefined) return { ...one, spinning: false, ...measuring };
  if (maySpin && costs.least(spinningWay) === undefined) {
    return { ...one, spinning: true, ...measuring };
  }
  const spinning = maySpin && spinsBetter(costs);
  let best = ways[0]!;
  let least = spinning ? costs.least(spinningWay)! : sleeping;
  const measured = [describe(best, least, spinning)];
  for (const [way, { runs, threads }] of ways.entries()) {
    if (way === 0) continue;
    const cost = costs.least(way);
    if (cost === undefined) return { runs, threads, spinning, ...measuring };
    measured.push(describe({ runs, threads }, cost));
    if (cost * worthIt > least) break;
    best = { runs, threads };
    least = cost;
  }
  const reason = `core-seconds a megapixel: ${measured.join(", ")}`;
  return { ...best, spinning, isMeasuring: false, reason };
}

/** Which way a run goes that has so many threads. */
export function wayOf(threads: number, cores: number): number {
  let way = 0;
  for (let left = cores; left > threads && way < spinningWay - 1; left >>= 1) way++;
  return way;
}

function waysOf(cores: number, mostRuns: number): Pick<RunChoice, "runs" | "threads">[] {
  const ways = [{ runs: 1, threads: cores }];
  for (let runs = 2; runs <= mostRuns && ways.length < spinningWay; ) {
    const threads = threadsARun(cores, runs);
    if (threads === ways.at(-1)!.threads) break;
    const fitting = Math.min(mostRuns, Math.floor(cores / threads));
    ways.push({ runs: fitting, threads });
    runs = fitting + 1;
  }
  return ways;
}

function spinsBetter(costs: Pick<RunCosts, "least">): boolean {
  const [sleeping, spinning] = [costs.least(0), costs.least(spinningWay)];
  return sleeping !== undefined && spinning !== undefined && spinning < worthIt * sleeping;
}

function describe(
  { runs, threads }: Pick<RunChoice, "runs" | "threads">,
  cost: number,
  spinning = false,
): string {
  return `${(cost * 1e6).toFixed(2)} with ${runs} × ${threads}${spinning ? " spinning" : ""}`;
}
