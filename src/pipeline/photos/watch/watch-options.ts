import { checkOptions, numberFrom, optionsOf, refuseUnknown } from "../../../base/check-options.ts";
import { urlScheme } from "../../../base/url.ts";
import { OrangeryError } from "../../../errors.ts";

/** When a photo is whole, and how often folders are listed. */
export interface WatchOptions {
  /** How long a photo's size and time have to stay the same. Default 2,000. */
  readonly settleMs?: number | undefined;
  /**
   * The least time between two lists of the folders. Listing takes a tenth of the time at most, so
   * that very many photos are listed less often. Default 5,000.
   */
  readonly everyMs?: number | undefined;
}

/** What is to be watched. */
export interface WatchedPhotos {
  readonly paths: readonly string[];
  readonly list?: unknown;
  readonly watch: WatchOptions;
}

/**
 * Makes sure that all names are places that can be watched, before any work is done.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function checkWatch({ paths, list, watch }: WatchedPhotos): void {
  const { settleMs, everyMs, ...rest } = optionsOf("WatchOptions", watch);
  refuseUnknown("WatchOptions", watch, rest);
  checkOptions({ settleMs, everyMs }, numberFrom(0));
  if (list !== undefined) throw cannotWatch("a list of photos, which is read once");
  const others = paths.filter((name) => ![undefined, "s3"].includes(urlScheme(name)));
  if (others.length === 0) return;
  const schemes = [...new Set(others.map((name) => `${urlScheme(name)}://…`))];
  throw cannotWatch(`${schemes.join(", ")}, which is no place where photos arrive`);
}

function cannotWatch(came: string): OrangeryError {
  return new OrangeryError(
    "INVALID_ARGUMENT",
    `Expected folders and s3://bucket/folder/ to watch, got ${came}. ` +
      "Watch the folders that the photos are in, or count on them without watching.",
  );
}

/** What is called while places are watched. */
export interface WatchEvents {
  /** Called when a place cannot be looked at any more, and is waited for. */
  readonly onAway?: ((place: string, error: unknown) => void) | undefined;
  /** Called when it is there again. */
  readonly onBack?: ((place: string) => void) | undefined;
  /** Called once for each folder or file that cannot be looked at. */
  readonly onUnreadable?: ((path: string, error: unknown) => void) | undefined;
}
