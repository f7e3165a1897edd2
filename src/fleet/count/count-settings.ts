import { extname } from "node:path";
import type { PhotoPipelineOptions } from "../../pipeline/count/photo-pipeline.ts";
import type { CountOptions } from "../../pipeline/run/count-recipe.ts";

/** What a supervisor passes to the processes that count on photos. */
export interface CountSettings extends Pick<PhotoPipelineOptions, "maxPixels"> {
  /** The results file, or the URL of a database. */
  readonly results: string;
  readonly count: CountOptions;
  /** Of the recipe that `count` made when the workers were started. */
  readonly recipeHash: string;
  readonly allowPrivateAddresses?: boolean | undefined;
}

/** The URL of the task module for worker processes: TypeScript here, JavaScript in the package. */
export const countWorkerUrl = new URL(`./count-worker${extname(import.meta.url)}`, import.meta.url)
  .href;
