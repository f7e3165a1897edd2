import { Detections } from "../../vision/detections.ts";
import type { CountedScores } from "./count-question.ts";
import { unpackScores } from "./packed-scores.ts";

interface Objects {
  readonly objects: Detections;
  readonly objectRegions?: Int32Array | undefined;
}

/** All that is recorded of a photo's objects. */
export interface RecordedObjects extends Objects {
  /** Those below the counting threshold. */
  readonly uncounted: Objects | undefined;
  readonly packed: Uint8Array;
}

/**
 * Selects the objects that count, best score first. The scores of stored objects are rounded:
 * which of them count is decided by the packed ones.
 */
export function selectCounted(
  { uncounted, packed, ...recorded }: RecordedObjects,
  counted: CountedScores,
): Objects {
  const all = uncounted === undefined ? recorded : join(recorded, uncounted);
  const { objects, objectRegions } = all;
  const scores = exactScores({ ...recorded, uncounted, packed });
  const kept = [...scores.keys()].filter((i) => {
    return scores[i]! > counted.thresholdOf(objects.classIds[i]!);
  });
  kept.sort((a, b) => scores[b]! - scores[a]! || a - b);
  return {
    objects: objects.select(kept),
    objectRegions: objectRegions && Int32Array.from(kept, (i) => objectRegions[i]!),
  };
}

/**
 * Returns the scores of the objects and then of the uncounted ones as the network returned them.
 * Within a class and a region, both are stored in the order of their packed scores.
 */
export function exactScores({ uncounted, packed, ...recorded }: RecordedObjects): Float32Array {
  const { objects, objectRegions } = uncounted === undefined ? recorded : join(recorded, uncounted);
  const groups = new Map(
    unpackScores(packed).map(({ classId, region, scores }) => [
      `${classId} ${region}`,
      scores.values(),
    ]),
  );
  return Float32Array.from(objects.scores, (score, i) => {
    const group = groups.get(`${objects.classIds[i]} ${objectRegions?.[i] ?? 0}`);
    return group?.next().value ?? score;
  });
}

function join(first: Objects, second: Objects): Objects {
  const [a, b] = [first.objects, second.objects];
  const regions = [first.objectRegions, second.objectRegions];
  return {
    objects: new Detections({
      names: a.names,
      classIds: Int32Array.from([...a.classIds, ...b.classIds]),
      scores: Float32Array.from([...a.scores, ...b.scores]),
      boxesXyxy: Float32Array.from([...a.boxesXyxy, ...b.boxesXyxy]),
      masks: b.masks && [...(a.masks ?? []), ...b.masks],
    }),
    objectRegions: first.objectRegions && Int32Array.from(regions.flatMap((list) => [...list!])),
  };
}
