import type { CountedScores } from "./count-question.ts";
import { PackedScores } from "./packed-scores.ts";

/** Which objects count, and the photo's number of regions; undefined without a segmenter. */
export interface CountPackedOptions {
  readonly counted: CountedScores;
  readonly regionCount: number | undefined;
}

/** Counts the objects of a photo, on the whole of it (region 0) and in each of its regions. */
export function countPacked(packed: Uint8Array, { counted, regionCount = 0 }: CountPackedOptions) {
  const byRegion = Array.from({ length: 1 + regionCount }, () => new Map<string, number>());
  let [objectCount, recordedCount] = [0, 0];
  const groups = new PackedScores(packed);
  while (groups.next()) {
    const { classId, region } = groups;
    recordedCount += groups.length;
    const count = groups.countAbove(counted.thresholdOf(classId));
    if (count === 0) continue;
    objectCount += count;
    const name = counted.nameOf(classId);
    const add = (counts: Map<string, number>) => counts.set(name, (counts.get(name) ?? 0) + count);
    add(byRegion[0]!);
    const inRegion = region === 0 ? undefined : byRegion[region];
    if (inRegion !== undefined) add(inRegion);
  }
  const names = [...byRegion[0]!.keys()].sort();
  const counts = byRegion.flatMap((counts, region) =>
    names.map((name) => ({ region, name, count: counts.get(name) ?? 0 })),
  );
  return { objectCount, recordedCount, counts };
}
