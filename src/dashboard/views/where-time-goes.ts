import type { LatestResult } from "../../ledger/browse/progress.ts";

/** The mean time of a step, of the photos that were looked at. */
export interface StepTime {
  readonly step: string;
  readonly ms: number;
  /** Of all steps. */
  readonly share: number;
}

export interface WhereTimeGoes {
  readonly steps: readonly StepTime[];
  /** A sentence that names the step that takes longest, and what helps. */
  readonly bottleneck: string | undefined;
}

/** Times that are parts of several steps, or the sum of all. */
const sumSteps = new Set(["inference", "total"]);

const remedies: Readonly<Record<string, string>> = {
  read: "Reading takes longest: a quicker disk or network would help, a GPU would not.",
  decode: "Decoding takes longest: more CPU cores or smaller photos would help, a GPU would not.",
  detect: "Finding objects takes longest.",
  segment: "Finding regions takes longest: regions of your own would help.",
};

const remediesOnCpu: Readonly<Record<string, string>> = {
  detect: "Finding objects takes longest: a GPU would help.",
  segment: "Finding regions takes longest: a GPU or regions of your own would help.",
};

/** Whether int8 would help is only known when it was tried on the photos. */
const int8OnCpu =
  "Finding objects takes longest: a GPU would help, and int8 may: " +
  "orangery run --precision int8 tries it on your photos.";

export interface WhereTimeGoesOptions {
  /** Whether the detector runs in int8 or float16 already. */
  readonly isReduced?: boolean;
}

/** Sums up what the steps of the newest photos took. */
export function whereTimeGoes(
  results: readonly LatestResult[],
  { isReduced = false }: WhereTimeGoesOptions = {},
): WhereTimeGoes {
  const sums = new Map<string, number>();
  for (const { timingsMs } of results) {
    for (const [step, ms] of Object.entries(timingsMs)) {
      if (!sumSteps.has(step)) sums.set(step, (sums.get(step) ?? 0) + ms);
    }
  }
  const whole = [...sums.values()].reduce((sum, ms) => sum + ms, 0);
  if (whole === 0) return { steps: [], bottleneck: undefined };
  const inOrder = [...sums].sort(([a], [b]) => placeOf(a) - placeOf(b));
  const steps = inOrder.map(([step, ms]) => ({
    step,
    ms: ms / results.length,
    share: ms / whole,
  }));
  const [longest] = steps.toSorted((a, b) => b.share - a.share);
  const share = Math.round(100 * longest!.share);
  const { step } = longest!;
  const isOnCpu = results.every(({ device }) => device.endsWith("cpu"));
  const remedy =
    (isOnCpu && step === "detect" && !isReduced && int8OnCpu) ||
    (isOnCpu && remediesOnCpu[step]) ||
    (remedies[step] ?? `The step ${step} takes longest.`);
  return { steps, bottleneck: `${remedy} It is ${share} % of the work on a photo.` };
}

/** As a photo goes through the steps; others come last. */
const order = ["read", "decode", "segment", "slice", "detect", "merge", "count"];

function placeOf(step: string): number {
  const place = order.indexOf(step);
  return place < 0 ? order.length : place;
}
