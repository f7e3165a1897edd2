import type { RecordedScores } from "./count-question.ts";
import { doubtfulWithin } from "./doubt.ts";
import { PackedScores } from "./packed-scores.ts";

/** Scores are float32, and thresholds are decimals. */
export const scoreRounding = 1e-6;

/** The best and the worst score of some objects. */
export interface ScoreEdges {
  best: number;
  worst: number;
}

/** What photos are found and ordered by, of all objects that are recorded of one. */
export interface ScoreSummary {
  /** Undefined without objects. */
  readonly all: ScoreEdges | undefined;
  /** By the names of classes. */
  readonly byName: ReadonlyMap<string, ScoreEdges>;
  /** Objects that score near the threshold of their class. */
  readonly doubtfulCount: number;
}

/** @param names by class id; a class without one goes by its number */
export function summarizeScores(
  packed: Uint8Array,
  { names, recorded }: { readonly names: readonly string[]; readonly recorded: RecordedScores },
): ScoreSummary {
  const byName = new Map<string, ScoreEdges>();
  let all: ScoreEdges | undefined;
  let doubtfulCount = 0;
  const reach = doubtfulWithin + scoreRounding;
  const groups = new PackedScores(packed);
  while (groups.next()) {
    const { classId, best, worst } = groups;
    const name = names[classId] ?? String(classId);
    all = widen(all, best, worst);
    byName.set(name, widen(byName.get(name), best, worst));
    if (!recorded.has(classId)) continue;
    const threshold = recorded.countedFrom(classId);
    doubtfulCount += groups.countAbove(threshold - reach) - groups.countAbove(threshold + reach);
  }
  return { all, byName, doubtfulCount };
}

function widen(edges: ScoreEdges | undefined, best: number, worst: number): ScoreEdges {
  if (edges === undefined) return { best, worst };
  edges.best = Math.max(edges.best, best);
  edges.worst = Math.min(edges.worst, worst);
  return edges;
}
