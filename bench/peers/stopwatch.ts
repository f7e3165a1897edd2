/** What each contender of ours measures of itself; the same as stopwatch.py. */
import { median } from "../figures.ts";

export interface Settings {
  readonly model: string;
  readonly photos: readonly string[];
  /** How often the photos are counted for photos a second; 0: only the first result. */
  readonly passes: number;
  readonly confidence: number;
  /** The network's input: height and width, or a square. */
  readonly imageSize: number | readonly [height: number, width: number];
  /** Sides of a slice, px. */
  readonly slice?: number;
  /** Threads of PyTorch. Default: what Ultralytics sets by itself. */
  readonly threads?: number;
  readonly redis?: string;
  /** The command of the worker, where it is not Celery's own. */
  readonly worker?: readonly string[];
}

export interface Figures {
  /** When the first result was there, ms since 1970. */
  readonly firstAtMs: number;
  /** From the imported library to the first result; not of workers, which load by themselves. */
  readonly loadAndFirstMs?: number;
  /** One photo at a time, the model being loaded. */
  readonly singleMs?: number;
  /** Of many photos. */
  readonly photoMs?: number;
  readonly photoCpuMs?: number;
  /** On all photos together. */
  readonly objects?: number;
  readonly peakBytes: number;
}

export const settings: Settings = JSON.parse(process.argv[2]!);

/** Prints the figures of `countAll`, which returns the number of objects on each photo. */
export async function measure(
  countAll: (photos: readonly string[]) => Promise<readonly number[]>,
): Promise<void> {
  const { photos, passes, redis } = settings;
  let start = performance.now();
  await countAll(photos.slice(0, 1));
  const firstAtMs = Date.now();
  const load = redis === undefined && { loadAndFirstMs: performance.now() - start };
  let many: Partial<Figures> = {};
  if (passes > 0) {
    let objects = 0;
    const singleMs: number[] = [];
    const list = Array.from({ length: passes }, () => photos).flat();
    for (const photo of list) {
      start = performance.now();
      const [count] = await countAll([photo]);
      singleMs.push(performance.now() - start);
      objects += count! / passes;
    }
    // What several photos at a time still have to set up or to choose.
    await countAll(list);
    const cpuBefore = process.cpuUsage();
    start = performance.now();
    await countAll(list);
    const photoMs = (performance.now() - start) / list.length;
    const { user, system } = process.cpuUsage(cpuBefore);
    const photoCpuMs = (user + system) / 1000 / list.length;
    many = { singleMs: median(singleMs), photoMs, photoCpuMs, objects: Math.round(objects) };
  }
  const peakBytes = 1024 * process.resourceUsage().maxRSS;
  console.log(JSON.stringify({ firstAtMs, ...load, ...many, peakBytes }));
}
