import { checkOptions, oneOf, wholeNumberFrom } from "../../base/check-options.ts";

/** How runs share the cores of a CPU, as far as it was set. */
export interface CpuSettings {
  readonly intraOpThreads: number | undefined;
  readonly cpuRuns: number | undefined;
  readonly cpuSpinning: boolean | undefined;
}

/**
 * Reads ORANGERY_CPU_THREADS, ORANGERY_CPU_RUNS and ORANGERY_CPU_SPINNING, for what options leave
 * open.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function readCpuSettings(env: NodeJS.ProcessEnv = process.env): CpuSettings {
  const { ORANGERY_CPU_THREADS, ORANGERY_CPU_RUNS, ORANGERY_CPU_SPINNING } = env;
  const numbers = {
    ORANGERY_CPU_THREADS: toNumber(ORANGERY_CPU_THREADS),
    ORANGERY_CPU_RUNS: toNumber(ORANGERY_CPU_RUNS),
  };
  checkOptions(numbers, wholeNumberFrom(1));
  const spinning = ORANGERY_CPU_SPINNING || undefined;
  checkOptions({ ORANGERY_CPU_SPINNING: spinning }, oneOf("0", "1"));
  return {
    intraOpThreads: numbers.ORANGERY_CPU_THREADS,
    cpuRuns: numbers.ORANGERY_CPU_RUNS,
    cpuSpinning: spinning === undefined ? undefined : spinning === "1",
  };
}

function toNumber(text: string | undefined): number | undefined {
  return text ? Number(text) : undefined;
}
