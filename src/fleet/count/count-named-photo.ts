import { resolve } from "node:path";
import { OrangeryError } from "../../errors.ts";
import type { PhotoReader } from "../../pipeline/photos/photo-reader.ts";
import { describeCounts } from "../../results/describe-counts.ts";
import type { TaskContext } from "../../tasks/task-context.ts";
import type { PayloadSchema } from "../jobs/job-data.ts";
import { type CountOutcome, CountPhoto, type CountPhotoOptions } from "./count-photo.ts";
import { type PhotoJobData, toPhotoIdentity, toPhotoJobData } from "./photo-job-data.ts";

/** What was counted on a photo, for the client that asked. */
export type NamedPhotoCounts = CountOutcome & ReturnType<typeof describeCounts>;

/** Counts on a photo that a caller names, and returns what is recorded of it. */
export class CountNamedPhoto extends CountPhoto {
  readonly #named: CountPhotoOptions;

  constructor(options: CountPhotoOptions) {
    super(options);
    this.#named = options;
  }

  override async run(
    payload: PhotoJobData,
    context: TaskContext<PhotoJobData>,
  ): Promise<NamedPhotoCounts> {
    const outcome = await super.run(payload, context);
    const { store, count } = this.#named;
    const { source } = toPhotoIdentity(payload);
    const counted = await store.readCounts(source, { signal: context.signal });
    // It was forgotten at the same moment: another attempt counts it again.
    if (counted === undefined) throw forgotten(source);
    const maxDetections = count.detect.options?.maxDetections ?? Number.POSITIVE_INFINITY;
    return { ...outcome, ...describeCounts(counted, { source, maxDetections }) };
  }
}

/** Turns `{ photo }`, a path, an S3 key or a URL, into a job's data. */
export function namedPhotoSchema(
  photos: Pick<PhotoReader, "listEach">,
  recipe: string,
): PayloadSchema<PhotoJobData> {
  return {
    "~standard": {
      version: 1,
      vendor: "orangery",
      validate: async (data) => {
        const { photo } = (data ?? {}) as { photo?: unknown };
        if (typeof photo !== "string" || photo === "") {
          return { issues: [{ message: "expected the name of a photo", path: ["photo"] }] };
        }
        for await (const listed of photos.listEach([photo])) {
          // A folder's photos have other names.
          const isPhoto = listed.name === photo || listed.source === resolve(photo);
          if (isPhoto) return { value: toPhotoJobData(listed, recipe) };
          break;
        }
        return { issues: [{ message: "expected a photo, not a folder", path: ["photo"] }] };
      },
    },
  };
}

function forgotten(source: string): OrangeryError {
  return new OrangeryError(
    "LEDGER_BUSY",
    `Expected the counts of ${source} to be recorded, but they were removed meanwhile. ` +
      "Count it again.",
    { details: { source } },
  );
}
