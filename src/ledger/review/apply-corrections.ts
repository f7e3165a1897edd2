import type { Mask } from "../../vision/masks/mask.ts";
import type { Region } from "../../vision/region.ts";
import type { Findings, ObjectCount } from "../results/result-rows.ts";
import type { Correction } from "./change.ts";

/** An object of a photo, as people left it. */
export interface ReviewedObject {
  /** `p0` for the first of the result, `c3` for the one that correction 3 added. */
  readonly id: string;
  readonly classId: number;
  readonly name: string;
  /** 0…1; undefined where a person added the object. */
  readonly score: number | undefined;
  /** Left, top, right, bottom in px of the photo. */
  readonly boxXyxy: readonly [number, number, number, number];
  /** The number of the region that it is in, 0 for none; undefined on photos without regions. */
  readonly region: number | undefined;
  /** The model's mask; undefined if there is none, or if a person moved the box. */
  readonly mask: Mask | undefined;
  readonly isRemoved: boolean;
  /** Not removed, and in a region where the photo has any. */
  readonly isCounted: boolean;
  /** As it was found; undefined where a person added it. */
  readonly predicted: Pick<ReviewedObject, "classId" | "name" | "boxXyxy" | "region"> | undefined;
}

/** How many objects of one name there are on the photo (region 0) or in one region (1…n). */
export interface ReviewCount {
  readonly region: number;
  readonly name: string;
  /** As it was counted without people. */
  readonly predicted: number;
  /** Predicted ones that a person left in, under this name and in this region. */
  readonly confirmed: number;
  /** With those that people added. */
  readonly count: number;
}

/** The combined effect of a photo's corrections. */
export interface AppliedCorrections {
  /** Those of the result in its order, then those that people added; removed ones as well. */
  readonly objects: readonly ReviewedObject[];
  /** Regions that a person says are none. */
  readonly rejectedRegions: ReadonlySet<number>;
  /** By whom all of the photo was last said to be right; undefined where nobody did. */
  readonly reviewed: { readonly by: string; readonly at: string } | undefined;
  /** The numbers of the corrections that no other undoes. */
  readonly inEffect: ReadonlySet<number>;
  readonly counts: readonly ReviewCount[];
}

/** Applies corrections, in the order of their numbers, to what was found. */
export function applyCorrections(
  { objects: found, objectRegions, regions }: Findings,
  corrections: readonly Correction[],
): AppliedCorrections {
  const inEffect = findInEffect(corrections);
  const effective = corrections.filter(({ number }) => inEffect.has(number));
  const rejectedRegions = findRejected(effective);
  const objects = new Map<string, ObjectDraft>();
  for (const [i, { classId, boxXyxy, score, mask }] of [...found].entries()) {
    const place = { classId, boxXyxy, region: regions && (objectRegions?.[i] ?? 0) };
    objects.set(`p${i}`, { ...place, score, mask, isRemoved: false, predicted: place });
  }
  const regionOf = (boxXyxy: readonly [number, number, number, number]) =>
    regions && findRegion(boxXyxy, regions, rejectedRegions);
  let reviewed: AppliedCorrections["reviewed"];
  for (const correction of effective) {
    if (correction.kind === "review") {
      reviewed = { by: correction.madeBy, at: correction.madeAt };
    } else if (correction.kind === "add") {
      const { classId, boxXyxy } = correction;
      const draft = { classId, boxXyxy, region: regionOf(boxXyxy), isRemoved: false };
      objects.set(`c${correction.number}`, { ...draft, score: undefined, mask: undefined });
    } else if ("object" in correction) {
      // Changes to an object whose addition was undone have no effect.
      const object = objects.get(correction.object);
      if (object === undefined) continue;
      if (correction.kind === "remove") object.isRemoved = true;
      else if (correction.kind === "reclassify") object.classId = correction.classId;
      else {
        const { boxXyxy } = correction;
        Object.assign(object, { boxXyxy, region: regionOf(boxXyxy), mask: undefined });
      }
    }
  }
  const named = Array.from(objects, ([id, { predicted, ...object }]): ReviewedObject => {
    const isOutside = object.region === 0 && object.boxXyxy !== predicted?.boxXyxy;
    const isRejected = object.region !== undefined && rejectedRegions.has(object.region);
    return {
      id,
      ...object,
      name: found.nameOf(object.classId),
      isCounted: !object.isRemoved && !isRejected && !isOutside,
      predicted: predicted && { ...predicted, name: found.nameOf(predicted.classId) },
    };
  });
  const numbers = regions?.map(({ number }) => number) ?? [];
  return {
    objects: named,
    rejectedRegions,
    reviewed,
    inEffect,
    counts: countReviewed(named, numbers),
  };
}

interface Place {
  classId: number;
  boxXyxy: readonly [number, number, number, number];
  region: number | undefined;
}

interface ObjectDraft extends Place {
  readonly score: number | undefined;
  mask: Mask | undefined;
  isRemoved: boolean;
  readonly predicted?: Readonly<Place> | undefined;
}

/** An undo names an earlier correction, so the last ones are processed first. */
function findInEffect(corrections: readonly Correction[]): Set<number> {
  const inEffect = new Set(corrections.map(({ number }) => number));
  for (const correction of corrections.toReversed()) {
    const isUndo = correction.kind === "undo" && inEffect.has(correction.number);
    if (isUndo) inEffect.delete(correction.undoneNumber);
  }
  return inEffect;
}

/** The regions that a person says are none, by corrections in effect. */
function findRejected(effective: readonly Correction[]): ReadonlySet<number> {
  const rejections = effective.filter(({ kind }) => kind === "reject-region");
  return new Set(rejections.flatMap((each) => ("region" in each ? each.region : [])));
}

/** The number that each region has among those that nobody rejected. */
export function numberRegions(
  numbers: readonly number[],
  corrections: readonly Correction[],
): ReadonlyMap<number, number> {
  const inEffect = findInEffect(corrections);
  const rejected = findRejected(corrections.filter(({ number }) => inEffect.has(number)));
  const left = numbers.filter((number) => !rejected.has(number));
  return new Map(left.map((number, i) => [number, i + 1]));
}

/** As a run counts: every name that is on the photo has a row in each region. */
export function renumberCounts(
  counts: readonly ObjectCount[],
  numbers: ReadonlyMap<number, number>,
): ObjectCount[] {
  const names = new Set(
    counts.filter(({ region, count }) => region === 0 && count > 0).map(({ name }) => name),
  );
  return counts.flatMap(({ region, name, count }) => {
    const number = region === 0 ? 0 : numbers.get(region);
    return number === undefined || !names.has(name) ? [] : [{ region: number, name, count }];
  });
}

/** As for found objects: the first region that holds the centre. */
function findRegion(
  [x1, y1, x2, y2]: readonly [number, number, number, number],
  regions: readonly Region[],
  rejected: ReadonlySet<number>,
): number {
  const holds = ({ number, mask }: Region) =>
    !rejected.has(number) && mask.contains((x1 + x2) / 2, (y1 + y2) / 2);
  return regions.find(holds)?.number ?? 0;
}

function countReviewed(
  objects: readonly ReviewedObject[],
  regionNumbers: readonly number[],
): ReviewCount[] {
  const tallies = new Map<string, { predicted: number; confirmed: number; count: number }>();
  const names = new Set<string>();
  const add = (region: number, name: string, of: "predicted" | "confirmed" | "count") => {
    const key = `${region} ${name}`;
    const tally = tallies.get(key) ?? { predicted: 0, confirmed: 0, count: 0 };
    tally[of]++;
    tallies.set(key, tally);
    names.add(name);
  };
  for (const { name, region, isCounted, predicted } of objects) {
    const isKept = isCounted && predicted?.name === name;
    const places = [0, ...(region ? [region] : [])];
    for (const place of isCounted ? places : []) add(place, name, "count");
    if (predicted === undefined) continue;
    const was = [0, ...(predicted.region ? [predicted.region] : [])];
    for (const place of was) {
      add(place, predicted.name, "predicted");
      if (isKept && places.includes(place)) add(place, name, "confirmed");
    }
  }
  const none = { predicted: 0, confirmed: 0, count: 0 };
  return [0, ...regionNumbers].flatMap((region) =>
    [...names]
      .sort()
      .map((name) => ({ region, name, ...(tallies.get(`${region} ${name}`) ?? none) })),
  );
}
