import { setTimeout as delay } from "node:timers/promises";
import { anySignal } from "../base/abort.ts";
import {
  type Finding,
  type FindingSection,
  type Observation,
  observationOf,
  red,
  toFinding,
} from "./finding.ts";

/** What a probe finds: observations by topic, or one of its own topic. */
export type ProbeAnswer = Observation | ReadonlyMap<string, Observation>;

/** Checks one aspect of the machine, and changes nothing. */
export interface Probe {
  readonly section: FindingSection;
  readonly topic: string;
  /** How long it may take. */
  readonly timeoutMs: number;
  /** What to do where it fails without advice of its own, or takes too long. */
  readonly todo: string;
  /** Runs the check. It should end when the signal aborts, but nobody waits for that. */
  readonly look: (signal: AbortSignal) => Promise<ProbeAnswer>;
}

/** What a probe found, and whether it timed out and may still be running. */
export interface ProbeOutcome {
  readonly findings: readonly Finding[];
  readonly isLate: boolean;
}

/**
 * Runs a probe within its time. A failure is a finding, and so is a probe that takes too long.
 *
 * @throws the signal's reason
 */
export async function runProbe(probe: Probe, signal?: AbortSignal): Promise<ProbeOutcome> {
  const { timeoutMs, todo } = probe;
  using ending = new Ending();
  const all = anySignal(ending.signal, signal);
  const late = Symbol("late");
  const limit = delay(timeoutMs, late, { signal: all, ref: true });
  try {
    const answer = await Promise.race([probe.look(all), limit]);
    if (typeof answer !== "symbol") return { findings: toFindings(probe, answer), isLate: false };
    const seconds = `${timeoutMs / 1000} s`;
    const found = red(`It did not answer within ${seconds}.`, todo, { timeoutMs });
    return { findings: [toFinding(probe, found)], isLate: true };
  } catch (error) {
    signal?.throwIfAborted();
    return { findings: [toFinding(probe, observationOf(error, todo))], isLate: false };
  } finally {
    limit.catch(() => {});
  }
}

function toFindings(probe: Probe, answer: ProbeAnswer): Finding[] {
  if (!(answer instanceof Map)) return [toFinding(probe, answer as Observation)];
  const { section } = probe;
  return [...(answer as ReadonlyMap<string, Observation>)].map(([topic, observation]) =>
    toFinding({ section, topic }, observation),
  );
}

/** Aborts whatever a probe left running when it ended. */
class Ending extends AbortController implements Disposable {
  [Symbol.dispose](): void {
    this.abort();
  }
}
