/** What loading a model costs: on a cold cache and on a warm one, in processes of their own. */
import { spawnSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { median, table } from "./figures.ts";

interface LoadFigures {
  /** From the start of the load to the model, the library being open. */
  readonly loadMs: number;
  /** From there to the first result. */
  readonly firstResultMs: number;
  /** Memory that only this process has, after the load. */
  readonly privateBytes: number;
  readonly peakBytes: number;
  readonly longestGapMs: number;
  readonly fromArtifact: boolean;
}

/**
 * Loads each model in new processes: without a cache, on an empty one, and on a full one. Prints
 * medians. Own memory is what a second process takes, too: it leaves out the pages of files, which
 * processes share. It is read on Linux only.
 */
export async function benchLoading(
  models: Readonly<Record<string, string>>,
  { photo, folder, rounds }: { photo: string; folder: string; rounds: number },
): Promise<void> {
  const cache = join(folder, "cache");
  const rows: string[][] = [];
  for (const [name, model] of Object.entries(models)) {
    const cold: LoadFigures[] = [];
    const warm: LoadFigures[] = [];
    const none: LoadFigures[] = [];
    for (let round = 0; round < rounds; round += 1) {
      await rm(cache, { recursive: true, force: true });
      none.push(load(model, photo, { ORANGERY_CACHE: cache, ORANGERY_CACHE_MAX_BYTES: "0" }));
      cold.push(load(model, photo, { ORANGERY_CACHE: cache }));
      warm.push(load(model, photo, { ORANGERY_CACHE: cache }));
    }
    if (!warm.every(({ fromArtifact }) => fromArtifact)) throw new Error("not from the artifact");
    rows.push(
      row(`${name}, nothing saved`, none),
      row(`${name}, cold`, cold),
      row(`${name}, warm`, warm),
    );
  }
  const head = ["load, CPU", "load ms", "first result ms", "own memory MB", "peak MB", "gap ms"];
  console.log(`${table(head, rows)}\n`);
}

function row(name: string, figures: readonly LoadFigures[]): string[] {
  const middle = (value: (one: LoadFigures) => number) => median(figures.map(value));
  return [
    name,
    middle(({ loadMs }) => loadMs).toFixed(0),
    middle(({ firstResultMs }) => firstResultMs).toFixed(0),
    (middle(({ privateBytes }) => privateBytes) / 1e6).toFixed(0),
    (middle(({ peakBytes }) => peakBytes) / 1e6).toFixed(0),
    middle(({ longestGapMs }) => longestGapMs).toFixed(0),
  ];
}

function load(model: string, photo: string, env: NodeJS.ProcessEnv): LoadFigures {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "load-once.ts"), model, photo],
    { encoding: "utf8", env: { ...process.env, ...env } },
  );
  if (status !== 0) throw new Error(`a load failed with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}
