import { programModule } from "../../base/files/program-file.ts";
import type { PhotoPipelineOptions } from "../../pipeline/count/photo-pipeline.ts";

/** What a supervisor passes to the processes that count on photos. */
export interface CountSettings extends Pick<PhotoPipelineOptions, "maxPixels" | "location"> {
  /** The results file, or the URL of a database. Default: where the queue says. */
  readonly results?: string | undefined;
  /** Folders and buckets to search for models that are not where a recipe says. */
  readonly models?: readonly string[] | undefined;
  /** Serve only these, by their names or the beginnings of their hashes. Default: all. */
  readonly recipes?: readonly string[] | undefined;
  /** The most memory of all loaded models in a process. Default: no limit. */
  readonly memoryBudgetBytes?: number | undefined;
  readonly allowPrivateAddresses?: boolean | undefined;
}

/** The URL of the task module for worker processes. */
export const countWorkerUrl = programModule("fleet/count/count-worker").href;
