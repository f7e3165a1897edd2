import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { cacheFolder, cacheVariable } from "../../base/files/cache-folder.ts";
import { guardWriting } from "../../base/files/disk-full.ts";
import { isOrangeryError } from "../../errors.ts";
import { type Observation, observationOf, red } from "../finding.ts";
import { type MeasureOptions, MeasuringProcessDied, measure } from "../measured/measure.ts";
import {
  describeGrowth,
  describeLoads,
  describeMeasured,
  describePredictions,
  describeRuns,
} from "./model.ts";
import { describePrecision } from "./precision.ts";

/** The findings of a model by topic, and what a process with it takes. */
export interface ModelAnswer {
  readonly found: ReadonlyMap<string, Observation>;
  readonly processBytes: number | undefined;
}

/**
 * Loads a model twice and tries it, each time in a separate process. Its artifact goes into a
 * temporary folder, so that the first load is truly a first one and the cache folder stays
 * unchanged.
 */
export async function lookAtModel(model: string, options: MeasureOptions): Promise<ModelAnswer> {
  const name = model.startsWith("sample:") ? model : basename(model);
  const found = new Map<string, Observation>();
  const folder = await guardWriting(tmpdir(), () => mkdtemp(join(tmpdir(), "orangery-doctor-")), {
    advice: "Set TMPDIR to a folder that this user may write.",
  });
  const env = { [cacheVariable]: folder };
  try {
    await linkProviders(folder);
    options.onProgress?.("first load");
    const load = await measure({ kind: "load", model }, { ...options, env });
    found.set("model", describeMeasured(name, load));
    const measured = await measure({ kind: "predictions", model }, { ...options, env });
    found.set("load", describeLoads(load, measured));
    found.set("predictions", describePredictions(measured, load.description.gflops));
    if (measured.runs !== undefined) found.set("runs", describeRuns(measured.runs));
    found.set("growth", describeGrowth(measured));
    found.set("precision", await describePrecision({ ...load, ...measured }));
    return { found, processBytes: measured.bytesAfter };
  } catch (error) {
    options.signal.throwIfAborted();
    found.set(found.has("model") ? "predictions" : "model", explain(name, error));
    return { found, processBytes: undefined };
  } finally {
    // A process that was killed just now may still be writing.
    await rm(folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

/** What `orangery devices add` brought is in the cache folder, and is needed here, too. */
async function linkProviders(folder: string): Promise<void> {
  const cache = cacheFolder();
  if (cache === undefined) return;
  await symlink(join(cache, "providers"), join(folder, "providers")).catch(() => {});
}

function explain(name: string, error: unknown): Observation {
  if (error instanceof MeasuringProcessDied) {
    return error.how === "SIGKILL"
      ? red(
          `${name}: the system killed the process that loaded it, for want of memory.`,
          "Raise the memory limit, or use a smaller model.",
          { diedOf: error.how },
        )
      : red(
          `${name}: the process that tried it died (${error.how}).`,
          "Try `--device cpu` with `orangery predict`, and report it with this page.",
          { diedOf: error.how },
        );
  }
  const todo = "`orangery info` shows what is in the file.";
  const observation = observationOf(error, todo);
  return isOrangeryError(error) ? observation : { ...observation, verdict: "red" };
}
