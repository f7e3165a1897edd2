import { programModule } from "../../../base/files/program-file.ts";
import type { RecipeDocument } from "../../../pipeline/recipe/recipe-document.ts";
import type { CountSettings } from "../../count/count-settings.ts";
import type { CeleryAppOptions } from "../app/celery-options.ts";

/** What a supervisor passes to the processes that serve a Celery app. */
export interface CelerySettings {
  readonly app: CeleryAppOptions;
  /** Modules of tasks, by the names that Celery calls these. */
  readonly modules: Readonly<Record<string, string>>;
  /** Counting by one recipe; undefined if that is not served. */
  readonly counting?: CountingSettings | undefined;
}

export interface CountingSettings {
  /** The name of the Celery task. */
  readonly task: string;
  readonly recipe: { readonly name: string; readonly document: RecipeDocument };
  /** Where results are recorded. */
  readonly results: string;
  readonly count: CountSettings;
}

/** The URL of the module for worker processes. */
export const celeryModuleUrl = programModule("fleet/celery/serve/celery-module").href;
