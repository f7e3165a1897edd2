import { examineMachine } from "../../../doctor/examine-machine.ts";
import type { Verdict } from "../../../doctor/finding.ts";
import { modelFromCaller } from "../../options/caller-paths.ts";
import { resultsFromCaller } from "../../options/results-options.ts";
import { exitStatus } from "../../output/exit-status.ts";
import { interruptible } from "../../output/interrupts.ts";
import { ProgressDisplay } from "../../output/progress-display.ts";
import type { StandardOutput } from "../../output/standard-output.ts";
import { formatExamination } from "./doctor-page.ts";

export interface DoctorArguments {
  readonly queueUrl?: string;
  readonly queue: string;
  readonly results?: string;
  readonly json?: boolean;
}

const statusOf: Readonly<Record<Verdict, number>> = {
  green: exitStatus.ok,
  yellow: exitStatus.incomplete,
  red: exitStatus.error,
};

/** How long timed-out probes may still run after the output is printed. */
const patienceMs = 2_000;

/** Runs `orangery doctor`; resolves to the exit status. */
export async function doctor(
  output: StandardOutput,
  model: string | undefined,
  { queueUrl, queue, results, json }: DoctorArguments,
): Promise<number> {
  using progress = new ProgressDisplay();
  return await interruptible(async ({ stop: signal }) => {
    const { late, ...examination } = await examineMachine({
      model: model && modelFromCaller(model),
      // An empty variable of the environment is none.
      queueUrl: queueUrl || undefined,
      queue,
      results: results ? resultsFromCaller(results) : undefined,
      onProgress: (text) => progress.setActivity(text),
      signal,
    });
    progress[Symbol.dispose]();
    await (json ? output.writeJson(examination) : output.write(formatExamination(examination)));
    const status = statusOf[examination.verdict];
    // A disk that does not answer blocks a thread, which keeps this process alive.
    if (late.length > 0) setTimeout(() => process.exit(status), patienceMs).unref();
    return status;
  });
}
