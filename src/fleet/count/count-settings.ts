import { extname } from "node:path";
import type { CountOptions } from "../../pipeline/run/count-recipe.ts";

/** What a supervisor tells a process that counts on photos. */
export interface CountSettings {
  /** The results file, or the URL of a database. */
  readonly results: string;
  readonly count: CountOptions;
  /** Of the recipe that `count` made when the workers were started. */
  readonly recipeHash: string;
  /** How often a job is tried. */
  readonly attempts: number;
  readonly maxPixels?: number | undefined;
  readonly allowPrivateAddresses?: boolean | undefined;
}

/** The module of the task, for a worker process: TypeScript here, JavaScript in the package. */
export const countWorkerUrl = new URL(`./count-worker${extname(import.meta.url)}`, import.meta.url)
  .href;
